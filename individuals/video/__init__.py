"""From a video to the animals in it: detect, follow, choose crops, hear, embed.

`sightings` is the story; each other file is one step of it. Names are imported from their files, so that
importing the package loads no decoder.
"""
