"""`fused-encoder count --detections`."""

import json

from app.cli.main import main


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def test_count_takes_boxes_from_a_file(journey, tiny_aviary, tmp_path, capsys):
    video = tiny_aviary.videos / "video_01.mp4"
    boxes = [
        {"category": "1", "conf": 0.9, "bbox": [x, 0.3, 0.2, 0.4], "frame_number": frame}
        for frame in range(0, 20, 2)
        for x in (0.1, 0.6)
    ]
    content = {
        "detection_categories": {"1": "animal", "2": "person"},
        "images": [
            {
                "file": "video_01.mp4",
                "detections": [
                    *boxes,
                    {"category": "2", "conf": 0.9, "bbox": [0, 0, 1, 1], "frame_number": 0},
                ],
            }
        ],
    }
    path = tmp_path / "found.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    options = ["--encoder", journey.encoder, "--threshold", 0.5, "--detections", path]
    out = tmp_path / "count.json"
    assert run("count", video, *options, "--out", out) == 0
    printed = capsys.readouterr().out
    assert "1 boxes of other categories (person) are left out." in printed
    seen = json.loads(out.read_text(encoding="utf-8"))["sightings"]
    assert len(seen) >= 2
    assert {row["box"][0] for rows in seen.values() for row in rows} == {32.0, 192.0}
    assert run("count", tiny_aviary.videos / "video_02.mp4", *options) == 2
    assert "is not in it; it has 'video_01.mp4'" in capsys.readouterr().err


def test_a_confidence_without_detections_is_refused(journey, tiny_aviary, capsys):
    video = tiny_aviary.videos / "video_01.mp4"
    assert run("count", video, "--encoder", journey.encoder, "--min-confidence", 0.5) == 2
    assert "--min-confidence is of --detections" in capsys.readouterr().err
