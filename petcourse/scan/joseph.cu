// Line integrals by Joseph's method (1982, doi:10.1109/TMI.1982.4307572) on a GPU: CUDA C++ that is HIP as well.
//
// The walk is that of joseph.py: one step for each voxel row, between two voxel columns along z, and every plane repeats
// it, shifted along z. Neighbouring threads take neighbouring planes (or voxels along z), so that all reads and writes
// of columns are contiguous. STEPS, PLANES, LINES and COUNT, the number of segments, are given when it is compiled.

struct Ray { double column, column_step, t, t_step, step, length; long long first, last, steep; };
struct Segment { double base, slope, rise; long long first, planes, start, lanes; };
struct Plane { int segment, number, start; float rise, weight; };  // its number in its segment
struct Shift { int k; float f; };  // a plane's ray passes between the voxels k and k + 1 above the plane's number
struct Mix { int here, next; float near, far; };  // the two columns of a step and their weights; next < 0: no step

#define THREADS 128

__device__ Shift shift(const Segment& segment, const Ray& ray, int row)
{
    const double z = segment.base + segment.slope * (0.5 - (ray.t + row * ray.t_step));
    const int k = (int)z;
    return {k, (float)(z - k)};
}

__device__ Mix mix(const Ray& ray, int row, int row_step, int column_step)
{
    if (row < ray.first || row >= ray.last) return {0, -1, 0, 0};
    const double at = ray.column + row * ray.column_step;
    const int j = (int)at;
    const float far = (float)(at - j), step = (float)ray.step;
    const int here = row * row_step + j * column_step;
    return {here, here + column_step, step * (1 - far), step * far};
}

__device__ float oblique(float rise, const Ray& ray)
{
    const float slope = rise / (float)ray.length;
    return sqrtf(1 + slope * slope);
}

// Forward: one block for each line, PLANES planes for each thread. The image is (row, column, z), `height` from one
// column to the next; a column lies in shared memory from `floor` on, with zeros up to `depth`.
extern "C" __global__ void __launch_bounds__(THREADS) project(
    const float* __restrict__ image, int side, int height, int floor, int depth, const Ray* __restrict__ rays, int lines,
    const Segment* __restrict__ segments, const Plane* __restrict__ planes, int plane_count,
    const float* __restrict__ factor, int attenuates, float* __restrict__ out)
{
    extern __shared__ float shared[];
    float* columns = shared;                         // STEPS x depth
    Shift* shifts = (Shift*)(columns + STEPS * depth);  // STEPS x COUNT
    Mix* mixes = (Mix*)(shifts + STEPS * COUNT);        // STEPS
    const int thread = threadIdx.x, line = blockIdx.x, plane0 = blockIdx.y * THREADS * PLANES + thread;
    const Ray ray = rays[line];
    const int row_step = ray.steep ? height : side * height, column_step = ray.steep ? side * height : height;

    int place[PLANES], segment[PLANES];
    float sum[PLANES];
    #pragma unroll
    for (int n = 0; n < PLANES; n++) {
        const int plane = plane0 + n * THREADS;
        place[n] = plane < plane_count ? planes[plane].number : 0;
        segment[n] = plane < plane_count ? planes[plane].segment : 0;
        sum[n] = 0;
    }
    for (int n = thread; n < STEPS * depth; n += THREADS) columns[n] = 0;

    for (int row0 = (int)ray.first; row0 < ray.last; row0 += STEPS) {
        __syncthreads();  // all threads are through with the rows before
        if (thread < STEPS) mixes[thread] = mix(ray, row0 + thread, row_step, column_step);
        for (int n = thread; n < STEPS * COUNT; n += THREADS) {
            const int row = row0 + n / COUNT;
            shifts[n] = shift(segments[n % COUNT], ray, row < ray.last ? row : row0);
        }
        __syncthreads();
        for (int z = thread; z < height; z += THREADS) {
            #pragma unroll
            for (int g = 0; g < STEPS; g++) {
                const Mix m = mixes[g];
                columns[g * depth + floor + z] = m.next < 0 ? 0 : m.near * image[m.here + z] + m.far * image[m.next + z];
            }
        }
        __syncthreads();
        #pragma unroll
        for (int g = 0; g < STEPS; g++) {
            #pragma unroll
            for (int n = 0; n < PLANES; n++) {
                const Shift s = shifts[g * COUNT + segment[n]];
                const float* at = columns + g * depth + s.k + place[n];
                sum[n] += at[0] + s.f * (at[1] - at[0]);
            }
        }
    }
    #pragma unroll
    for (int n = 0; n < PLANES; n++) {
        const int plane = plane0 + n * THREADS;
        if (plane < plane_count) {
            const long long bin = (long long)plane * lines + line;
            const float value = sum[n] * oblique(planes[plane].rise, ray) * planes[plane].weight;
            out[bin] = attenuates ? value * factor[bin] : value;
        }
    }
}

// Before the back projection: some lines of a sinogram, with all planes of a line side by side, each segment from its
// start on with zeros around it (which are there already). `listed` names the lines.
extern "C" __global__ void __launch_bounds__(256) gather(
    const float* __restrict__ sinogram, const Ray* __restrict__ rays, int lines, const Plane* __restrict__ planes,
    int plane_count, const float* __restrict__ factor, int attenuates, const int* __restrict__ listed, int listed_count,
    int width, float* __restrict__ work)
{
    __shared__ float tile[32][33];  // turned here, so that reading and writing are contiguous; 33: no two in one bank
    const int here = blockIdx.x * 32 + threadIdx.x, plane1 = blockIdx.y * 32 + threadIdx.x;
    for (int n = threadIdx.y; n < 32; n += 8) {
        const int plane = blockIdx.y * 32 + n;
        if (here < listed_count && plane < plane_count) {
            const int line = listed[here];
            const long long bin = (long long)plane * lines + line;
            const float value = sinogram[bin] * oblique(planes[plane].rise, rays[line]) * planes[plane].weight;
            tile[n][threadIdx.x] = attenuates ? value * factor[bin] : value;
        }
    }
    __syncthreads();
    for (int n = threadIdx.y; n < 32; n += 8) {
        const int there = blockIdx.x * 32 + n;
        if (there < listed_count && plane1 < plane_count)
            work[(long long)there * width + planes[plane1].start] = tile[threadIdx.x][n];
    }
}

// Back: one block for each image row, which no other block touches, and each thread adds to its own voxels along z.
// Steep lines (blockIdx.y 1, listed from `flat_count` on) have an image of their own, with x and y changed over.
extern "C" __global__ void __launch_bounds__(THREADS, 4) back_project(
    const float* __restrict__ work, int width, const Ray* __restrict__ rays, const Segment* __restrict__ segments,
    const int* __restrict__ listed, int flat_count, int listed_count, int side, int height, int floor,
    float* __restrict__ image)
{
    extern __shared__ float shared[];
    Shift* shifts = (Shift*)shared;               // LINES x COUNT
    Mix* mixes = (Mix*)(shifts + LINES * COUNT);  // LINES
    int* spans = (int*)(mixes + LINES);           // COUNT x (start, end)
    const int thread = threadIdx.x, row = blockIdx.x, z = blockIdx.z * THREADS + thread;
    const int begin = blockIdx.y ? flat_count : 0, end = blockIdx.y ? listed_count : flat_count;
    float* own = image + ((long long)blockIdx.y * side + row) * side * height + z;

    for (int s = thread; s < COUNT; s += THREADS) {
        spans[2 * s] = (int)segments[s].start;
        spans[2 * s + 1] = (int)segments[s].planes + 1;
    }
    for (int line0 = begin; line0 < end; line0 += LINES) {
        const int some = end - line0 < LINES ? end - line0 : LINES;
        __syncthreads();  // all threads are through with the lines before
        for (int n = thread; n < some; n += THREADS) mixes[n] = mix(rays[listed[line0 + n]], row, 0, height);
        __syncthreads();
        for (int n = thread; n < some * COUNT; n += THREADS)
            if (mixes[n / COUNT].next >= 0) shifts[n] = shift(segments[n % COUNT], rays[listed[line0 + n / COUNT]], row);
        __syncthreads();
        if (z >= height) continue;
        for (int n = 0; n < some; n++) {
            const Mix m = mixes[n];
            if (m.next < 0) continue;
            const float* planes = work + (long long)(line0 + n) * width;
            float sum = 0;
            #pragma unroll  // all loads of a line are then under way together
            for (int s = 0; s < COUNT; s++) {
                const Shift t = shifts[n * COUNT + s];
                // Beside the segment's planes, which the unsigned minimum makes one case, are zeros.
                const unsigned plane = z + floor - t.k, last = spans[2 * s + 1];
                const float* at = planes + spans[2 * s] + (plane < last ? plane : last);
                sum += at[0] + t.f * (at[-1] - at[0]);
            }
            own[m.here] += m.near * sum;
            own[m.next] += m.far * sum;
        }
    }
}
