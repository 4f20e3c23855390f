"""`fused-encoder student train`: a small network that learns from labels and from a teacher."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.options import add_command, choice, switch, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome
from app.cli.sound_inputs import add_recordings, distribution
from app.cli.student_inputs import (
    add_student_hearing,
    student_hearing,
    student_sides,
    tell_differences,
)

if TYPE_CHECKING:
    from student import StudentClips, StudentTraining, TeacherOutputs

NO_TEACHER = "none"
TEACHER_FILE = "teacher.npz"


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "train", "train a small network with or without a teacher")
    add_recordings(parser)
    value(parser, "--out", str, "DIR", "where the run is written", required=True)
    folds = "one of so many parts of the recordings is held out, unless sheets say what is"
    value(parser, "--folds", 5, "N", folds, least=2)
    value(parser, "--fold", 1, "I", "which of them", least=1)
    extra = (
        "further columns of the sheets with numbers (depth, temperature, hour); cells may be empty"
    )
    value(parser, "--extra", str, "COLUMN", extra, nargs="+")
    add_student_hearing(parser)
    _add_teacher(parser.add_argument_group("the teacher"))
    _add_student(parser.add_argument_group("the student"))
    _add_recipe(parser.add_argument_group("the recipe"))


def _add_teacher(group: argparse._ArgumentGroup) -> None:
    teacher = (
        "birdnet (its weights forbid commercial use), vggish, yamnet, perch or a path, on which a head is "
        "trained with the 18 features; a folder that `classify train` wrote; or none"
    )
    value(group, "--teacher", "birdnet", "NAME|RUN", teacher)
    choice(group, "--head", ("linear", "published"), "of a front end: logistic, or four layers")
    switch(group, "--no-cross-fit", "the head speaks of clips that it was trained on itself")
    value(group, "--temperature", 3.0, "T", "that softens what both say", above=0)
    value(group, "--alpha", 0.7, "SHARE", "weight of the teacher; labels have the rest", least=0)
    feature = "of which clips the teacher finds alike, beside what it names them"
    value(group, "--feature-weight", 1.0, "W", feature, least=0)


def _add_student(group: argparse._ArgumentGroup) -> None:
    channels = "of each convolution; more or fewer are a deeper or shallower student"
    group.add_argument(
        "--channels",
        type=int,
        nargs="+",
        default=[16, 32, 64],
        metavar="N",
        help=f"{channels} (default: 16 32 64)",
    )
    value(group, "--hidden-size", 64, "N", "of the head", least=1)


def _add_recipe(group: argparse._ArgumentGroup) -> None:
    value(group, "--epochs", 60, None, "at most", least=1)
    value(group, "--batch-size", 16, "N", "clips per step", least=2)
    value(group, "--learning-rate", 1e-3, "R", "at its peak", above=0)
    value(group, "--weight-decay", 0.01, "W", "of AdamW", least=0)
    value(group, "--patience", 15, "N", "epochs without progress before it stops", least=1)
    samplings = ("class_balanced", "square_root", "by_file")
    choice(group, "--sampling", samplings, "how often clips of a species are drawn")
    switch(group, "--no-augment", "clips as they are")
    value(group, "--seed", 0, None, "the same seed, the same result", least=0)


def run(options: argparse.Namespace) -> int:
    """Trains and writes the run."""
    check_destination(options.out, "run.json", "unfinished-student.keras")
    sides = student_sides(options)
    print(distribution(sides.training))
    extra_names = options.extra or []
    extra = sides.extra(extra_names)
    import_tensorflow_quietly()
    from student import distil_student, prepare_clips, save_student_run
    from student.network import num_trained
    from student.taught import save_teacher_outputs
    from triplets import FeatureStore

    hearing, store = student_hearing(options, sides.every), FeatureStore(options.store)

    def heard(recordings) -> StudentClips:  # type: ignore[no-untyped-def] # LabelledRecordings
        return prepare_clips(recordings, hearing, extra=extra, store=store)

    clips, validation = heard(sides.training), heard(sides.validation)
    for each in (clips, validation):
        tell_differences(each, sides.given)
    taught, told = _teacher_outputs(options, clips, validation)
    how = _training_options(options)
    trained = distil_student(
        clips,
        validation,
        taught,
        options=how,
        extra_names=extra_names,
        channels=options.channels,
        hidden_size=options.hidden_size,
    )
    save_student_run(
        options.out,
        trained,
        how,
        clips.recordings,
        validation.recordings,
        sides.held_out,
        teacher=told,
        extra=extra,
    )
    if taught is not None:
        save_teacher_outputs(Path(options.out) / TEACHER_FILE, taught)
    best = max(trained.history["val_accuracy"])
    print(
        f"A student of {num_trained(trained.student.network):,} numbers, trained on "
        f"{len(clips.recordings)} recordings: {best:.3f} of {len(validation)} validation clips at best; "
        f"{len(sides.held_out)} recordings are held out. The run is in '{options.out}'; next: fused-encoder "
        f"student evaluate {options.out}"
    )
    return outcome((*clips.skipped, *validation.skipped))


def _teacher_outputs(
    options: argparse.Namespace, clips: StudentClips, validation: StudentClips
) -> tuple[TeacherOutputs | None, dict[str, Any]]:
    """What the teacher says of the training clips, and what is to be told of it."""
    if options.teacher == NO_TEACHER:
        return None, {}
    from fused_encoder import load_front_end
    from soundscapes.run import RUN_FILE, load_classifier
    from student import ClassifierTeacher, train_head_teacher
    from student.taught import Teacher
    from triplets import FeatureStore

    taught: TeacherOutputs | None = None
    teacher: Teacher
    if (Path(options.teacher) / RUN_FILE).is_file():
        teacher = ClassifierTeacher(load_classifier(options.teacher))
        if teacher.class_names != clips.recordings.class_names:
            raise ValueError(
                f"The classifier in '{options.teacher}' knows other species than the recordings are of."
            )
    else:
        teacher = head = train_head_teacher(
            clips,
            load_front_end(options.teacher),
            head=options.head,
            cross_fit=not options.no_cross_fit,
            store=FeatureStore(options.store),
            seed=options.seed,
        )
        taught = head.cross_fitted
    taught = taught or teacher.outputs(clips)
    said = teacher.outputs(validation).logits.argmax(axis=1)
    accuracy = float((said == validation.primary).mean())
    print(f"The teacher names {accuracy:.3f} of the validation clips.")
    return taught, {"name": options.teacher, "validation_accuracy": accuracy}


def _training_options(options: argparse.Namespace) -> StudentTraining:
    from student import StudentTraining

    given = vars(options)
    names = {field.name for field in fields(StudentTraining)} & given.keys()
    return StudentTraining(**{name: given[name] for name in names}, augment=not options.no_augment)
