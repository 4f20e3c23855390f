import numpy as np

from media import save_waveform
from soundscapes import confound_probe, scan_recordings
from soundscapes.probes import conditions_of


def _folder(root, rates):
    rng = np.random.default_rng(0)
    for name in ("Bowhead", "Dolphin"):
        (root / name).mkdir(parents=True)
        for number in range(10):
            rate = rates[name]
            noise = rng.normal(0, 0.1, round(rate * rng.uniform(0.2, 0.4)))
            save_waveform(root / name / f"{number}.wav", noise, rate)
    return scan_recordings(root)


def test_classes_of_their_own_rates_are_told_without_listening(tmp_path):
    recordings = _folder(tmp_path, {"Bowhead": 8000, "Dolphin": 48_000})
    probe = confound_probe(recordings, headers_only=True)
    assert probe.by_condition["sample_rate_hz"] == 1.0
    assert probe.is_suspicious
    assert "learn recorders" in probe.in_words()


def test_noise_of_one_rate_tells_nothing(tmp_path):
    probe = confound_probe(_folder(tmp_path, {"Bowhead": 8000, "Dolphin": 8000}))
    assert probe.by_condition["sample_rate_hz"] <= 0.5
    assert probe.accuracy < 0.8
    assert probe.num_recordings == 20


def test_conditions_are_in_their_units(tmp_path):
    time = np.arange(22_050) / 22_050
    save_waveform(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * time), 22_050)
    rate, seconds, loudness, bandwidth, floor = conditions_of(tmp_path / "tone.wav")
    assert (rate, seconds) == (22_050, 1.0)
    np.testing.assert_allclose([loudness, floor], 10 * np.log10(0.125), atol=0.1)
    assert 950 < bandwidth < 1100


def test_files_that_cannot_be_read_are_left_out(tmp_path):
    recordings = _folder(tmp_path, {"Bowhead": 8000, "Dolphin": 8000})
    (tmp_path / "Bowhead" / "0.wav").write_bytes(b"no sound")
    assert confound_probe(recordings).num_recordings == 19


def test_check_warns_of_folders_that_rates_alone_tell(tmp_path, capsys):
    from app.cli.main import main

    _folder(tmp_path / "mixed", {"Bowhead": 8000, "Dolphin": 48_000})
    main(["check", str(tmp_path / "mixed")])
    assert "A classifier may learn recorders in place of species" in capsys.readouterr().err
    _folder(tmp_path / "alike", {"Bowhead": 8000, "Dolphin": 8000})
    main(["check", str(tmp_path / "alike")])
    assert "may learn recorders" not in capsys.readouterr().err
