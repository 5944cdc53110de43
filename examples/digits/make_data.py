"""Writes digits.npz from scikit-learn's copy of the data: pip install scikit-learn, then
python3 examples/digits/make_data.py
"""

import pathlib

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
images = digits.data.astype(np.uint8)
labels = digits.target.astype(np.uint8)
assert images.shape == (1797, 64) and images.max() == 16
assert np.array_equal(images, digits.data)

np.savez_compressed(pathlib.Path(__file__).parent / "digits.npz", images=images, labels=labels)
