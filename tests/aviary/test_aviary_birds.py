"""Individuals, poses, photos and songs: what must differ, and what must not."""

import numpy as np
import pytest

from aviary.anatomy import Pose
from aviary.drawing import draw_bird
from aviary.individuals import LOOK_ALIKES, SOUND_ALIKES, draw_individuals, generator_for
from aviary.photos import random_pose, take_photo
from aviary.songs import make_recording, sing
from aviary.species import SPECIES

FAMILY = draw_individuals(SPECIES[0], seed=0)


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_individuals_differ_in_markings_but_for_the_look_alikes(species) -> None:
    markings = [bird.markings for bird in draw_individuals(species, seed=5)]
    assert len(set(markings)) == len(markings)
    for one, other in LOOK_ALIKES.items():
        assert markings[one].face == markings[other].face
        assert markings[one].has_epaulette != markings[other].has_epaulette


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_look_alikes_have_voices_far_apart_and_sound_alikes_do_not(species) -> None:
    voices = [bird.voice for bird in draw_individuals(species, seed=5)]
    for one, other in LOOK_ALIKES.items():
        assert abs(voices[one].pitch_semitones - voices[other].pitch_semitones) > 3
    for one, other in SOUND_ALIKES.items():
        assert voices[one].motif == voices[other].motif
        assert abs(voices[one].pitch_semitones - voices[other].pitch_semitones) < 0.5


def test_a_bird_that_faces_left_is_the_mirror_image() -> None:
    right = draw_bird(FAMILY[0], Pose(), body_length_px=80)
    left = draw_bird(FAMILY[0], Pose(faces_left=True), body_length_px=80)
    assert abs(right.rgba.shape[1] - left.rgba.shape[1]) <= 1
    width = min(right.rgba.shape[1], left.rgba.shape[1])
    difference = left.rgba[:, ::-1][:, :width] - right.rgba[:, :width]
    assert np.abs(difference).mean() < 4


def test_opacity_stays_between_zero_and_one_and_colours_within_it() -> None:
    generator = generator_for(0, "poses")
    for _ in range(20):
        rgba = draw_bird(FAMILY[1], random_pose(generator), body_length_px=50).rgba
        assert rgba[..., 3].min() >= 0
        assert rgba[..., 3].max() <= 1.001
        assert (rgba[..., :3] <= 255 * rgba[..., 3:] + 1).all()


def test_a_sprite_is_trimmed_to_the_bird() -> None:
    opacity = draw_bird(FAMILY[2], Pose(), body_length_px=60).rgba[..., 3]
    for edge in (opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]):
        assert edge.any()


def test_the_scene_of_a_photo_does_not_depend_on_who_is_in_it() -> None:
    one = take_photo(FAMILY[0], generator_for(0, "same scene"))
    other = take_photo(FAMILY[1], generator_for(0, "same scene"))
    same = (one == other).all(axis=2)
    assert 0.6 < same.mean() < 1.0


def test_the_weather_of_a_recording_does_not_depend_on_who_sings() -> None:
    generators = [generator_for(0, "same", "weather") for _ in range(2)]
    before = [generator.bit_generator.state for generator in generators]
    assert before[0] == before[1]
    one, other = (
        make_recording(bird, FAMILY, generator, sample_rate_hz=16000, duration_seconds=2.0)
        for bird, generator in zip(FAMILY[:2], generators, strict=True)
    )
    assert one.shape == other.shape == (32000,)
    assert np.isfinite(one).all()
    assert np.abs(one).max() <= 1


def test_a_song_keeps_to_the_audible_range_and_full_scale() -> None:
    for species in SPECIES:
        for bird in draw_individuals(species, seed=2):
            phrase = sing(bird, generator_for(0, bird.name), sample_rate_hz=22050)
            spectrum = np.abs(np.fft.rfft(phrase)) ** 2
            hertz = np.fft.rfftfreq(len(phrase), 1 / 22050)
            assert np.isclose(np.abs(phrase).max(), 1)
            assert spectrum[(hertz > 700) & (hertz < 9000)].sum() > 0.95 * spectrum.sum()


def test_a_higher_voice_sings_higher() -> None:
    def centre_hz(bird) -> float:
        phrase = sing(bird, generator_for(1, "song"), sample_rate_hz=22050)
        power = np.abs(np.fft.rfft(phrase)) ** 2
        hertz = np.fft.rfftfreq(len(phrase), 1 / 22050)
        return float((power * hertz).sum() / power.sum())

    low, high = SOUND_ALIKES[3], 3
    assert FAMILY[high].voice.pitch_semitones > FAMILY[low].voice.pitch_semitones
    assert centre_hz(FAMILY[high]) > centre_hz(FAMILY[low])


def test_generators_depend_on_every_name_and_on_the_seed() -> None:
    draws = {
        generator_for(*key).random()
        for key in [(0, "a", 1), (0, "a", 2), (0, "b", 1), (1, "a", 1), (0, "a", "1")]
    }
    assert len(draws) == 5
    assert generator_for(0, "a", 1).random() == generator_for(0, "a", 1).random()
