// Measured over expected counts, and what the log-likelihood needs, in one pass over a sinogram.
// KIND is the type of the counts, THREADS the size of a block: a power of two.

extern "C" __global__ void __launch_bounds__(THREADS) divide_bins(
    const KIND* m, const float* r, int bins, int blocks, int likelihood, double* sums, float* y)
{
    __shared__ double impossible[THREADS], total[THREADS];
    const int thread = threadIdx.x;
    impossible[thread] = total[thread] = 0;
    for (long long b = (long long)blockIdx.x * THREADS + thread; b < bins; b += (long long)blocks * THREADS) {
        const float count = m[b];
        float mean = y[b] + r[b];
        impossible[thread] += mean <= 0 && count > 0;
        mean = mean > TINY ? mean : TINY;
        if (likelihood) total[thread] += count * logf(mean) - mean;
        y[b] = count / mean;
    }
    for (int half = THREADS / 2; half > 0; half /= 2) {  // in one order, so that equal data give equal sums
        __syncthreads();
        if (thread < half) {
            impossible[thread] += impossible[thread + half];
            total[thread] += total[thread + half];
        }
    }
    if (thread == 0) {
        sums[2 * blockIdx.x] = impossible[0];
        sums[2 * blockIdx.x + 1] = total[0];
    }
}
