"""Sound from log-mel frames, whose phases are lost: Griffin and Lim's algorithm."""

import numpy as np

from experiments.data.audio import FLOOR, cut_frames, mel_filters

NUM_STEPS = 60
MOMENTUM = 0.99
NUM_UNMIX_STEPS = 50
LEAST_WEIGHT = 0.01  # of a sample, as a share of the greatest


def sound_of_log_mel(
    frames: np.ndarray,
    rate: int,
    *,
    frame_seconds: float = 0.025,
    hop_seconds: float = 0.010,
    num_steps: int = NUM_STEPS,
) -> np.ndarray:
    """Makes a sound whose log-mel frames are close to those given.

    The inverse of `log_mel`, as far as there is one: bands are parted into frequencies
    by `unmix_mels`, and phases found by `griffin_lim`.

    Args:
      frames: `[num_frames, num_mels]`, finite, nats; at least one.
      rate: samples per second.
      frame_seconds: that of `log_mel`.
      hop_seconds: likewise.
      num_steps: see `griffin_lim`.

    Returns:
      `[(num_frames - 1) * hop + length]` float32.

    Raises:
      ValueError: if the frames are not finite, or there is none.
    """
    frames = np.asarray(frames, np.float64)
    if not (len(frames) and np.isfinite(frames).all()):
        raise ValueError("frames must be finite and at least one.")
    length, hop = round(frame_seconds * rate), round(hop_seconds * rate)
    size = 1 << (length - 1).bit_length()
    mels = np.exp(frames)
    mels = np.where(mels > FLOOR * (1 + 1e-6), mels, 0)  # at the floor there is nothing
    energies = unmix_mels(mels, mel_filters(frames.shape[1], size, rate))
    magnitudes = np.sqrt(energies * length)
    sound = griffin_lim(magnitudes, length, hop, num_steps=num_steps)
    return sound.astype(np.float32)


def unmix_mels(
    mels: np.ndarray, filters: np.ndarray, num_steps: int = NUM_UNMIX_STEPS
) -> np.ndarray:
    """Finds energies of frequencies that give the energies of bands.

        X ← X ∘ (Y M) / (X Mᵀ M)

    Each step lowers the squared error of X Mᵀ and keeps X from being negative.

    Args:
      mels: Y `[num_frames, num_mels]`, not negative.
      filters: M `[num_mels, num_frequencies]`, those of `mel_filters`.
      num_steps: number of steps, from equal energies within each frame.

    Returns:
      X `[num_frames, num_frequencies]`.

    References:
      Lee and Seung, "Algorithms for Non-negative Matrix Factorization", NeurIPS 2000,
      equation 4.
    """
    mixed = mels @ filters
    heard = filters.sum(axis=0) > 0
    energies = np.where(heard, mels.mean(axis=1, keepdims=True), 0.0)
    gram = filters.T @ filters
    for _ in range(num_steps):
        own = energies @ gram
        energies = energies * np.divide(
            mixed, own, out=np.zeros_like(own), where=own > 0
        )
    return energies


def griffin_lim(
    magnitudes: np.ndarray,
    length: int,
    hop: int,
    *,
    num_steps: int = NUM_STEPS,
    momentum: float = MOMENTUM,
) -> np.ndarray:
    """Finds a sound whose spectra have given magnitudes.

        c  = spectra(sound(A ∘ exp(i ∠ t)))
        t' = c + m (c - c before)

    Args:
      magnitudes: A `[num_frames, num_frequencies]`.
      length: samples of a frame.
      hop: samples between the beginnings of two frames.
      num_steps: number of steps, from phases drawn with a fixed seed.
      momentum: m; 0 is Griffin and Lim's own algorithm, which is slower.

    Returns:
      `[(num_frames - 1) * hop + length]`, float64.

    References:
      Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform",
      IEEE Transactions on Acoustics, Speech and Signal Processing 1984; Perraudin,
      Balazs and Søndergaard, "A Fast Griffin-Lim Algorithm", WASPAA 2013.
    """
    size = 2 * (magnitudes.shape[1] - 1)
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitudes.shape)
    phases, before = np.exp(1j * angles), np.zeros_like(magnitudes, complex)
    for _ in range(num_steps):
        sound = sound_of_spectra(magnitudes * phases, length, hop)
        found = spectra(sound, size, length, hop)
        ahead = found + momentum * (found - before)
        before = found
        phases = np.exp(1j * np.angle(ahead))
    return sound_of_spectra(magnitudes * phases, length, hop)


def spectra(samples: np.ndarray, size: int, length: int, hop: int) -> np.ndarray:
    """Computes the spectra of the frames that `log_mel` takes.

    Args:
      samples: `[num_samples]`.
      size: number of points of the DFT.
      length: samples of a frame.
      hop: samples between the beginnings of two frames.

    Returns:
      `[num_frames, size // 2 + 1]` complex.
    """
    return np.fft.rfft(cut_frames(samples, length, hop) * np.hanning(length), size)


def sound_of_spectra(found: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Finds the sound whose spectra are closest to those given, by least squares.

        xₛ = Σₜ w yₜ / Σₜ w²,   over the frames t that have sample s

    The first and the last samples, where the window w is near 0, fade.

    Args:
      found: `[num_frames, size // 2 + 1]` complex.
      length: samples of a frame.
      hop: samples between the beginnings of two frames.

    Returns:
      `[(num_frames - 1) * hop + length]`.

    References:
      Griffin and Lim, 1984, equation 6.
    """
    window = np.hanning(length)
    pieces = np.fft.irfft(found)[:, :length] * window
    places = (np.arange(len(found))[:, None] * hop + np.arange(length)).ravel()
    sound = np.bincount(places, pieces.ravel())
    weights = np.bincount(places, np.tile(window**2, len(found)))
    return sound / np.maximum(weights, LEAST_WEIGHT * weights.max())
