"""`fused-encoder classify export`: a sound classifier, or several folds, as one SavedModel."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command, value
from app.cli.outcome import DONE, check_destination, import_tensorflow_quietly

MARKER = "assets/classifier.json"


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "export", "write a sound classifier as one SavedModel")
    value(parser, "classifier", str, "RUN", "folder that `classify train --out` wrote")
    value(parser, "--out", str, "DIR", "where the SavedModel goes", required=True)
    more = "another fold, whose scores are averaged inside; may be repeated"
    value(parser, "--with", str, "RUN", more, action="append", dest="others")
    hop = "from clip to clip (default: half a clip)"
    value(parser, "--hop-seconds", float, "S", hop, above=0)


def run(options: argparse.Namespace) -> int:
    """Writes the SavedModel, with the thresholds of the classifier where it has some."""
    check_destination(options.out, MARKER)
    import_tensorflow_quietly()
    from soundscapes.export import export_classifier
    from soundscapes.run import load_classifier
    from soundscapes.thresholds_file import THRESHOLDS_FILE, load_thresholds

    thresholds = None
    if Path(options.classifier, THRESHOLDS_FILE).is_file() and not options.others:
        thresholds = load_thresholds(options.classifier)
    path = export_classifier(
        [load_classifier(run) for run in (options.classifier, *(options.others or ()))],
        options.out,
        thresholds=thresholds,
        hop_seconds=options.hop_seconds,
    )
    print(f"The classifier is in '{path}'.")
    if thresholds is None:
        reason = "an ensemble has none of its own" if options.others else "RUN has none"
        print(f"No thresholds are inside: {reason}. See `fused-encoder classify evaluate`.")
    return DONE
