// Runs CUDA kernels on the CPU, slowly: blocks one after the other, the threads of a block in turn between barriers.
//
// Each thread of a block is a context with a stack of its own, which __syncthreads leaves until all others have come to
// it as well. A thread runs undisturbed from one barrier to the next, so a missing barrier shows: what other threads
// should have written is not there yet, or in the other order of threads it is overwritten already.
// A race between two barriers, where threads touch one place in turns that the order of a GPU decides, cannot be seen.
#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#define __global__
#define __device__ static inline
#define __shared__ static  // after Python took it away where memory is shared dynamically
#define __launch_bounds__(...)

struct Index { int x, y, z; };
static Index threadIdx, blockIdx;
static const int SHARED = 48 * 1024, BEYOND = 1024;  // bytes
float shared[(SHARED + BEYOND) / 4];

// A context is entered once by swapcontext and afterwards by longjmp, which is ten times as fast: it asks no kernel.
struct Thread { ucontext_t context; jmp_buf place; std::vector<char> stack = std::vector<char>(1 << 16); bool begun, done; };
static std::vector<Thread> threads;
static ucontext_t scheduler;
static jmp_buf turn;
static Thread* current;
static std::function<void()> body;

[[maybe_unused]] static void __syncthreads() { if (!_setjmp(current->place)) _longjmp(turn, 1); }
static void start() { body(); current->done = true; _longjmp(turn, 1); }
static void go_on(Thread& thread)
{
    current = &thread;
    if (_setjmp(turn)) return;
    if (thread.begun) _longjmp(thread.place, 1);
    thread.begun = true;
    swapcontext(&scheduler, &thread.context);
}

// One block; returns what went wrong, if anything.
static const char* run_block(const int* block, int shared_bytes, bool backwards)
{
    const size_t count = block[0] * block[1] * block[2];
    if (threads.size() < count) threads.resize(count);
    std::memset(shared, 0xff, sizeof shared);  // NaN: what is read before it was written spoils the result
    for (size_t n = 0; n < count; n++) {
        Thread& thread = threads[n];
        thread.begun = thread.done = false;
        getcontext(&thread.context);
        thread.context.uc_stack.ss_sp = thread.stack.data();
        thread.context.uc_stack.ss_size = thread.stack.size();
        thread.context.uc_link = &scheduler;
        makecontext(&thread.context, start, 0);
    }
    for (size_t done = 0; done < count;) {
        done = 0;
        for (size_t n = 0; n < count; n++) {
            const int at = backwards ? count - 1 - n : n;
            threadIdx = {at % block[0], at / block[0] % block[1], at / block[0] / block[1]};
            if (!threads[at].done) go_on(threads[at]);
            done += threads[at].done;
        }
        if (done && done < count) return "some threads ended while others wait at a barrier";
    }
    for (size_t n = shared_bytes; n < sizeof shared; n++)
        if (((unsigned char*)shared)[n] != 0xff) return "a thread wrote beyond the shared memory";
    return nullptr;
}

template <class... A, size_t... I>
static const char* run(void (*kernel)(A...), const int* grid, const int* block, int shared_bytes, void** given,
                       const char* kinds, bool backwards, std::index_sequence<I...>)
{
    if (std::strlen(kinds) != sizeof...(A) || !(... && ((kinds[I] == 'p') == std::is_pointer<A>::value)))
        return "arguments of another number or kind than the kernel's";
    if (shared_bytes > SHARED) return "more than 48 KiB of shared memory";
    body = [=] { kernel(*(A*)given[I]...); };
    for (int z = 0; z < grid[2]; z++)
        for (int y = 0; y < grid[1]; y++)
            for (int x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                if (const char* wrong = run_block(block, shared_bytes, backwards)) return wrong;
            }
    return nullptr;
}

template <class... A>
static const char* launch(void (*kernel)(A...), const int* grid, const int* block, int shared_bytes, void** given,
                          const char* kinds, int backwards)
{
    return run(kernel, grid, block, shared_bytes, given, kinds, backwards, std::index_sequence_for<A...>{});
}

#define LAUNCH(kernel)                                                                                     \
    extern "C" const char* launch_##kernel(const int* grid, const int* block, int shared_bytes, void** given, \
                                           const char* kinds, int backwards)                               \
    { return launch(kernel, grid, block, shared_bytes, given, kinds, backwards); }
