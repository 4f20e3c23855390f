"""The files of a count's folder that later commands go on with."""

COUNT_FILE = "count.json"
CALIBRATION_FILE = "calibration.json"
