// SPDX-License-Identifier: MIT
// The budget: its limits, and what happens when they are met. The arena tests them where it hands memory out; here is
// what may only happen with no lock held: emptying heaps, and calling the program.
#include <errno.h>
#include <pthread.h>

#include "base/atomic.h"
#include "base/option.h"
#include "front/front_private.h"
#include "os_boundary/os_boundary.h"

/* Calls of one level are this far apart, unless they help. */
#define CALLS_APART_MS 100

/* So far apart is looked for memory to give back, where that sufficed. */
#define LOOKS_APART_MS 10

/* A call has helped when this part of soft is free after it. */
#define HELPFUL_PART 16

enum {
    LEVELS = HAK_BUDGET_HARD + 1
};

static hak_budget_callback *callback; /* with its argument, guarded by the arena's lock */
static void *callback_arg;

static uintptr_t caller;               /* the thread that gives back and calls now, 0 for none; atomic */
static uintptr_t callers_frame;        /* where on its stack it became that; the caller's alone */
static uint64_t next_ms[LEVELS];       /* when it may be called again; written by the caller alone, atomic */
static uint64_t soft_events, refusals; /* atomic */

/* ------------------------------------------------------------------------------------------------ the limits ---- */

struct limits {
    size_t soft_bytes;
    size_t hard_bytes;
};

/* SIZE_MAX is no limit, as two zeros are; without soft it is 90 % of hard. False: they contradict each other. */
static bool complete(struct limits *limits)
{
    if (limits->soft_bytes == 0 && (limits->hard_bytes == 0 || limits->hard_bytes == SIZE_MAX))
        *limits = (struct limits){SIZE_MAX, SIZE_MAX};
    else if (limits->soft_bytes == 0)
        limits->soft_bytes = limits->hard_bytes - limits->hard_bytes / 10;
    else if (limits->soft_bytes == SIZE_MAX && limits->hard_bytes != 0)
        limits->soft_bytes = limits->hard_bytes;
    return limits->soft_bytes <= limits->hard_bytes;
}

static void set(struct limits limits, hak_budget_callback *function, void *arg)
{
    struct hak_arena *arena = &hak_i_process.arena;
    hak_i_base_lock(&arena->lock);
    hak_i_arena_budget_set(arena, limits.soft_bytes, limits.hard_bytes);
    callback = function;
    callback_arg = arg;
    hak_i_base_unlock(&arena->lock);
}

int hak_budget_set(size_t soft_bytes, size_t hard_bytes, hak_budget_callback *function, void *arg)
{
    struct limits limits = {soft_bytes, hard_bytes};
    if (!complete(&limits))
        return EINVAL;
    if (!hak_i_front_start())
        return ENOMEM;
    set(limits, function, arg);
    /* relaxed: a time that is read too late delays one call, or lets it come early */
    for (unsigned level = 0; level < LEVELS; level++)
        hak_store_relaxed(&next_ms[level], 0);
    hak_i_front_tend_budget();
    return 0;
}

static size_t option_bytes(int64_t limit)
{
    return limit >= 0 ? (size_t)limit : hak_i_os_memory_limit_bytes() / 100 * (size_t)-limit;
}

static HAK_COLD void report_contradiction(struct limits limits)
{
    struct hak_line line = {0};
    hak_i_base_line_text(&line, "option HAKMEM_BUDGET ignored: soft is ");
    hak_i_base_line_number(&line, limits.soft_bytes);
    hak_i_base_line_text(&line, " bytes here, hard ");
    hak_i_base_line_number(&line, limits.hard_bytes);
    hak_i_base_line_write(&line);
}

void hak_i_front_budget_start(void)
{
    if (hak_i_base_options.budget == 0)
        return;
    struct limits limits = {option_bytes(hak_i_base_options.budget_soft), option_bytes(hak_i_base_options.budget)};
    if (complete(&limits))
        set(limits, NULL, NULL);
    else
        report_contradiction(limits);
}

/* ------------------------------------------------------------------------------------------- the one caller ---- */

/* Handlers of others run while this thread holds every lock to fork. */
static bool is_forking(void)
{
    return hak_i_base_lock_is_mine(&hak_i_front_start_lock);
}

/* The end of a call stack, which grows downwards. */
#define FRAME ((uintptr_t)__builtin_frame_address(0))

/* The program's function may have been left by longjmp() or an exception: what it calls itself lies below. */
static bool is_caller_still(uintptr_t frame)
{
    /* relaxed: a thread finds its own name only if it wrote that itself */
    return hak_load_relaxed(&caller) == (uintptr_t)pthread_self() && frame >= callers_frame;
}

static bool become_caller(uintptr_t frame)
{
    uintptr_t nobody = 0;
    if (is_forking())
        return false;
    /* acq_rel: what the caller before this one did comes before */
    if (!is_caller_still(frame) && !hak_cas_strong_acq_rel(&caller, &nobody, (uintptr_t)pthread_self()))
        return false;
    callers_frame = frame;
    return true;
}

static void end_calling(void)
{
    hak_store_release(&caller, 0); /* release: pairs with the acquire above */
}

void hak_i_front_budget_at_thread_end(void)
{
    /* relaxed: as above */
    if (hak_load_relaxed(&caller) == (uintptr_t)pthread_self())
        end_calling();
}

void hak_i_front_budget_after_fork(bool others_are_quiet)
{
    /* relaxed: the child has one thread */
    if (hak_load_relaxed(&caller) != (uintptr_t)pthread_self())
        hak_store_relaxed(&caller, 0);
    if (!others_are_quiet)
        hak_i_process.arena.budget.moving_units = 0; /* what other threads were moving stays where it was */
}

/* ---------------------------------------------------------------------------------- giving back, calling back ---- */

static bool is_due(enum hak_budget_level level)
{
    return hak_i_os_now_ms() >= hak_load_relaxed(&next_ms[level]);
}

/* True: it is not enough, for more than soft is charged still. */
static bool give_back(void)
{
    (void)hak_i_front_empty_heaps("hak_budget_callback");
    struct hak_heap *mine = hak_i_front_begin_work();
    bool over = hak_i_arena_shed(&hak_i_process.arena);
    hak_i_front_end_work(mine);
    return over;
}

/* How things stand, and whom to tell. */
struct call {
    struct hak_budget_event event;
    hak_budget_callback *function;
    void *arg;
};

static struct call look(enum hak_budget_level level)
{
    struct hak_arena *arena = &hak_i_process.arena;
    hak_i_base_lock(&arena->lock);
    struct call call = {.event = {.size = sizeof call.event,
                                  .level = level,
                                  .charged_bytes = hak_i_arena_charged_bytes(arena),
                                  .soft_bytes = arena->budget.soft_bytes,
                                  .hard_bytes = arena->budget.hard_bytes},
                        .function = callback,
                        .arg = callback_arg};
    hak_i_base_unlock(&arena->lock);
    return call;
}

static bool has_helped(const struct hak_budget_event *now)
{
    return now->charged_bytes <= now->soft_bytes - now->soft_bytes / HELPFUL_PART;
}

/* When the next call of the level may come. */
static void rest(enum hak_budget_level level, unsigned apart_ms)
{
    struct call now = look(level);
    hak_store_relaxed(&next_ms[level], has_helped(&now.event) ? 0 : hak_i_os_now_ms() + apart_ms);
}

/* What asks for memory is no cancellation point: the C library may be in the middle of its work. */
static void call_function(const struct call *call)
{
    int cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    call->function(&call->event, call->arg);
    pthread_setcancelstate(cancel_state, NULL);
}

static void call_back(enum hak_budget_level level)
{
    struct call call = look(level);
    if (call.function != NULL)
        call_function(&call);
    (void)give_back();
    rest(level, CALLS_APART_MS);
}

void hak_i_front_budget_pressed(void)
{
    if (!is_due(HAK_BUDGET_SOFT) || !become_caller(FRAME))
        return;
    int saved_errno = errno;
    if (give_back()) {
        hak_fetch_add_relaxed(&soft_events, 1);
        call_back(HAK_BUDGET_SOFT);
    } else {
        rest(HAK_BUDGET_SOFT, LOOKS_APART_MS);
    }
    end_calling();
    errno = saved_errno;
}

static bool call_at_hard(uintptr_t frame)
{
    if (!is_due(HAK_BUDGET_HARD) || !become_caller(frame))
        return false;
    call_back(HAK_BUDGET_HARD);
    end_calling();
    return true;
}

/* False: so much can never be allowed. */
static bool make_way(size_t bytes)
{
    if (bytes > look(HAK_BUDGET_HARD).event.hard_bytes)
        return false;
    if (!is_forking())
        (void)give_back();
    return true;
}

/* Also where another thread was refused meanwhile: then the system may have been what had no memory for this one. */
static bool was_refused(const struct hak_relief *relief)
{
    return hak_i_arena_refusals(&hak_i_process.arena) != relief->refusals;
}

bool hak_i_front_budget_relieves(struct hak_relief *relief, size_t bytes)
{
    if (!hak_i_front_started() || !hak_i_arena_is_limited(&hak_i_process.arena))
        return false;
    int saved_errno = errno;
    bool first = relief->tries++ == 0;
    bool refused = first ? !make_way(bytes) : was_refused(relief);
    bool relieved = first ? !refused : refused && relief->tries == 2 && call_at_hard(FRAME);
    if (refused && !relieved)
        hak_fetch_add_relaxed(&refusals, 1);
    relief->refusals = hak_i_arena_refusals(&hak_i_process.arena);
    errno = saved_errno;
    return relieved;
}

void hak_i_front_budget_add(struct hak_stats *stats)
{
    struct hak_budget_event now = look(HAK_BUDGET_SOFT).event;
    stats->charged_bytes = now.charged_bytes;
    stats->budget_soft_bytes = now.soft_bytes != SIZE_MAX ? now.soft_bytes : 0;
    stats->budget_hard_bytes = now.hard_bytes != SIZE_MAX ? now.hard_bytes : 0;
    stats->budget_soft_events = hak_load_relaxed(&soft_events);
    stats->budget_refusals = hak_load_relaxed(&refusals);
}
