"""A picture to look at: hills below a sky."""

from math import sin

from tests.webui.drawing import encoded

SKY, SUN, FAR, NEAR = (120, 170, 235), (255, 214, 102), (92, 110, 160), (48, 92, 72)


def landscape(width: int = 640, height: int = 400) -> bytes:
    return encoded([[_colour(x / width, y / height) for x in range(width)] for y in range(height)])


def _colour(x: float, y: float) -> tuple[int, int, int]:
    if y > 0.75 + 0.06 * sin(7 * x):
        return NEAR
    if y > 0.5 + 0.18 * abs(sin(9 * x)) * (1 - x):
        return FAR
    if (x - 0.75) ** 2 + 0.4 * (y - 0.25) ** 2 < 0.005:
        return SUN
    red, green, blue = SKY
    return int(red + 90 * y), int(green + 50 * y), blue
