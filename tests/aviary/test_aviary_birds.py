"""Individuals, poses, photos and songs: what must differ, and what must not."""

from dataclasses import replace

import numpy as np
import pytest

from aviary.drawing import Pose, draw_bird
from aviary.individuals import LOOK_ALIKES, SOUND_ALIKES, draw_individuals, generator_for
from aviary.photos import random_pose, take_photo
from aviary.songs import sing
from aviary.species import SPECIES

FAMILY = draw_individuals(SPECIES[0], seed=0)


@pytest.mark.parametrize("species", SPECIES, ids=lambda species: species.name)
def test_look_alikes_differ_in_their_voices_and_sound_alikes_in_their_markings(species):
    birds = draw_individuals(species, seed=5)
    assert len({bird.markings for bird in birds}) == len(birds)
    for one, other in LOOK_ALIKES.items():
        looks = [replace(birds[i].markings, has_epaulette=False) for i in (one, other)]
        assert looks[0] == looks[1]
        pitches = [birds[i].voice.pitch_semitones for i in (one, other)]
        assert abs(pitches[0] - pitches[1]) > 3
    for one, other in SOUND_ALIKES.items():
        voices = [birds[i].voice for i in (one, other)]
        assert voices[0].motif == voices[1].motif
        assert abs(voices[0].pitch_semitones - voices[1].pitch_semitones) < 0.5


def test_a_bird_that_faces_left_is_the_mirror_image():
    right = draw_bird(FAMILY[0], Pose(), body_length_px=80)
    left = draw_bird(FAMILY[0], Pose(faces_left=True), body_length_px=80)
    assert abs(right.rgba.shape[1] - left.rgba.shape[1]) <= 1
    width = min(right.rgba.shape[1], left.rgba.shape[1])
    difference = left.rgba[:, ::-1][:, :width] - right.rgba[:, :width]
    assert np.abs(difference).mean() < 4


def test_opacity_stays_between_zero_and_one_and_colours_within_it():
    generator = generator_for(0, "poses")
    for _ in range(20):
        rgba = draw_bird(FAMILY[1], random_pose(generator), body_length_px=50).rgba
        assert rgba[..., 3].min() >= 0
        assert rgba[..., 3].max() <= 1.001
        assert (rgba[..., :3] <= 255 * rgba[..., 3:] + 1).all()
        for edge in (rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]):  # trimmed to the bird
            assert edge[..., 3].any()


def test_the_scene_of_a_photo_does_not_depend_on_who_is_in_it():
    one = take_photo(FAMILY[0], generator_for(0, "same scene"))
    other = take_photo(FAMILY[1], generator_for(0, "same scene"))
    same = (one == other).all(axis=2)
    assert 0.6 < same.mean() < 1.0


def test_a_song_keeps_to_the_audible_range_and_full_scale():
    for species in SPECIES:
        for bird in draw_individuals(species, seed=2):
            phrase = sing(bird, generator_for(0, bird.name), sample_rate_hz=22050)
            spectrum = np.abs(np.fft.rfft(phrase)) ** 2
            hertz = np.fft.rfftfreq(len(phrase), 1 / 22050)
            assert np.isclose(np.abs(phrase).max(), 1)
            assert spectrum[(hertz > 700) & (hertz < 9000)].sum() > 0.95 * spectrum.sum()


def test_generators_depend_on_every_name_and_on_the_seed():
    draws = {
        generator_for(*key).random()
        for key in [(0, "a", 1), (0, "a", 2), (0, "b", 1), (1, "a", 1), (0, "a", "1")]
    }
    assert len(draws) == 5
    assert generator_for(0, "a", 1).random() == generator_for(0, "a", 1).random()
