from pathlib import Path
def model_path(name, folder): return Path('/tmp/w/pose-models')/{'detector':'pose_detection.tflite','full':'pose_landmark_full.tflite'}[name]
