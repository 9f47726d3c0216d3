"""Write MusiCNN's Million Song Dataset weights as ONNX, up to its penultimate layer.

Runs in the environment that scripts/teacher makes. Usage: convert_musicnn.py OUTPUT.onnx
"""

import sys
from pathlib import Path

import musicnn
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from musicnn import models

WEIGHTS, TAGS = "MSD_musicnn", 50
FRAMES, BANDS = 187, 96
PENULTIMATE = "model/dense/BiasAdd"

tf.compat.v1.disable_eager_execution()
with tf.name_scope("model"):
    mel = tf.compat.v1.placeholder(tf.float32, [None, FRAMES, BANDS], name="mel")
    models.define_model(mel, tf.constant(False), WEIGHTS, TAGS)
session = tf.compat.v1.Session()
session.run(tf.compat.v1.global_variables_initializer())
tf.compat.v1.train.Saver().restore(session, str(Path(musicnn.__file__).parent / WEIGHTS) + "/")
graph = tf.compat.v1.graph_util.convert_variables_to_constants(
    session, session.graph.as_graph_def(), [PENULTIMATE]
)
output = Path(sys.argv[1])
partial = output.with_suffix(".partial")
tf2onnx.convert.from_graph_def(
    tf.compat.v1.graph_util.remove_training_nodes(graph),
    input_names=["model/mel:0"],
    output_names=[f"{PENULTIMATE}:0"],
    opset=15,
    output_path=str(partial),
)
windows = np.random.default_rng(0).random((8, FRAMES, BANDS), dtype=np.float32)
engine = onnxruntime.InferenceSession(str(partial), providers=["CPUExecutionProvider"])
ours = engine.run(None, {engine.get_inputs()[0].name: windows})[0]
theirs = session.run(f"{PENULTIMATE}:0", {mel: windows})
difference = float(np.abs(ours - theirs).max())
if difference > 1e-4:
    sys.exit(f"the converted network differs from MusiCNN by {difference}")
partial.rename(output)
print(f"wrote {output}; it differs from TensorFlow by at most {difference:.1e}")
