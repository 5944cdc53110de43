"""Makes picture.png: glass-like balls on a checked floor under an evening sky, traced ray by ray.

    python3 make_picture.py
"""

import struct
import zlib

import numpy as np

width, height = 192, 128
balls = [  # centre, radius, colour
    ((0.0, 1.0, 5.0), 1.0, (0.85, 0.25, 0.2)),
    ((-1.9, 0.7, 4.2), 0.7, (0.2, 0.45, 0.85)),
    ((1.7, 0.5, 3.6), 0.5, (0.95, 0.8, 0.3)),
    ((0.6, 0.3, 2.9), 0.3, (0.3, 0.75, 0.4)),
]
light = np.array([-0.5, 0.7, -0.5]) / np.linalg.norm([-0.5, 0.7, -0.5])


def sky(direction):
    t = np.clip(direction[..., 1:2] * 1.6, 0, 1)
    return (1 - t) * np.array([0.98, 0.72, 0.5]) + t * np.array([0.25, 0.4, 0.7])


def trace(origin, direction, depth=2):
    nearest = np.full(direction.shape[:-1], np.inf)
    colour = sky(direction)
    hit_normal = np.zeros_like(direction)
    shade = np.zeros_like(direction)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = -origin[..., 1] / direction[..., 1]
    floor = (t > 1e-3) & (t < 60)
    point = origin + np.where(floor, t, 0)[..., None] * direction
    checked = (np.floor(point[..., 0]) + np.floor(point[..., 2])) % 2
    shade = np.where(floor[..., None], 0.25 + 0.55 * checked[..., None] * np.ones(3), shade)
    hit_normal[floor] = [0, 1, 0]
    nearest = np.where(floor, t, nearest)
    for centre, radius, ball in balls:
        to = origin - np.array(centre)
        b = (to * direction).sum(-1)
        root = b * b - (to * to).sum(-1) + radius * radius
        t = -b - np.sqrt(np.maximum(root, 0))
        hit = (root > 0) & (t > 1e-3) & (t < nearest)
        nearest = np.where(hit, t, nearest)
        normal = (to + t[..., None] * direction) / radius
        hit_normal = np.where(hit[..., None], normal, hit_normal)
        shade = np.where(hit[..., None], np.array(ball), shade)
    solid = np.isfinite(nearest)
    point = origin + np.where(solid, nearest, 0)[..., None] * direction
    lit = np.clip((hit_normal * light).sum(-1), 0, 1)
    for centre, radius, _ in balls:  # shadows
        to = point + 1e-3 * hit_normal - np.array(centre)
        b = (to * light).sum(-1)
        lit = np.where((b * b - (to * to).sum(-1) + radius * radius > 0) & (b < 0), 0, lit)
    surface = shade * (0.25 + 0.75 * lit)[..., None]
    if depth:
        cos = (hit_normal * direction).sum(-1, keepdims=True)
        mirrored = trace(point + 1e-3 * hit_normal, direction - 2 * cos * hit_normal, depth - 1)
        part = 0.08 + 0.5 * (1 - np.abs(cos)) ** 3
        surface = (1 - part) * surface + part * mirrored
    fog = np.exp(-np.where(solid, nearest, 0) / 25)[..., None]
    surface = fog * surface + (1 - fog) * sky(direction * np.array([1.0, 0.0, 1.0]))
    return np.where(solid[..., None], surface, colour)


fine = 3  # rays along each side of a pixel
y, x = np.mgrid[0 : height * fine, 0 : width * fine]
direction = np.stack(
    [(x / fine - width / 2) / height, (height * 0.46 - y / fine) / height, np.full(x.shape, 0.9)], -1
)
direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
picture = trace(np.broadcast_to(np.array([0.0, 1.1, -0.5]), direction.shape), direction)
picture = picture.reshape(height, fine, width, fine, 3).mean((1, 3))
pixels = np.uint8(np.clip(picture, 0, 1) ** (1 / 1.8) * 255 + 0.5)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


rows = b"".join(b"\0" + row.tobytes() for row in pixels)
with open("picture.png", "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n")
    file.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
    file.write(chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
