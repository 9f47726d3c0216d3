"""From a checkout to a show: the demo piece, ONNX export."""
