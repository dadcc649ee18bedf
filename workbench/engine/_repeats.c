/* Repeats: what a buffer holds a second time, and the hits that follow from it. See repeats.py, which is the only caller.
 *
 * Nothing here knows a rule. `condense` finds stretches that stand earlier in the same buffer and copies together what is
 * left; `spread` puts the hits found in that back where they stand and adds those in the repeats. Both let go of the
 * interpreter while they work, and both take time in proportion to what they are given, whatever its bytes are.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define HAS_SSE2 1
#endif

/* `size` bytes at `at` stand at `from` too, and end there before `at`. */
typedef struct {
    int64_t at, from, size;
} Repeat;

/* `size` bytes at `at` are in the condensed text. */
typedef struct {
    int64_t at, size;
} Segment;

#define HASH_BITS 15
#define HASHED 32             /* bytes of a line's start that are looked up */
/* Bytes from one line that is looked up to the next, at least and how many more by the line's hash: so a walk through a
 * copy soon falls in step with the one through its source, whatever its lines' lengths are. */
#define STEP_LEAST 64
#define STEP_MORE 128
#define LOOK_AFTER (512 << 10) /* bytes after which it is asked whether looking pays, and after as many again */
#define LEAST_SHARE 4         /* it pays from about a quarter on */

static inline uint64_t load(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t hash_of(const uint8_t *p) {
    uint64_t x = (load(p) * 0x9E3779B185EBCA87ull) ^ (load(p + 8) * 0xC2B2AE3D27D4EB4Full) ^
                 (load(p + 16) * 0x165667B19E3779F9ull) ^ (load(p + 24) * 0x27D4EB2F165667C5ull);
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9ull;
    return x;
}

/* How many bytes from `a` and from `b` on are equal, at most `most`. */
static inline int64_t equal_after(const uint8_t *a, const uint8_t *b, int64_t most) {
    int64_t k = 0;
#ifdef HAS_SSE2
    for (; k + 32 <= most; k += 32) {
        __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(a + k)), _mm_loadu_si128((const __m128i *)(b + k)));
        __m128i high =
            _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(a + k + 16)), _mm_loadu_si128((const __m128i *)(b + k + 16)));
        if (_mm_movemask_epi8(_mm_and_si128(low, high)) != 0xFFFF) break;
    }
#endif
    for (; k + 8 <= most && load(a + k) == load(b + k); k += 8) {
    }
    while (k < most && a[k] == b[k]) k++;
    return k;
}

static inline int64_t equal_before(const uint8_t *a, const uint8_t *b, int64_t most) {
    int64_t k = 0;
    while (k < most && a[-1 - k] == b[-1 - k]) k++;
    return k;
}

/* The repeats of `text`, each at least `least` bytes, in order and apart; -1 when memory is short. A line's first bytes are
 * looked up where nothing is known yet to repeat. What was compared is passed over, so no byte is compared often. */
static int64_t find_repeats(const uint8_t *text, int64_t length, int64_t least, Repeat **found) {
    /* Where such a line began, counted from 1, above 32 bits of its hash: most lines that share a slot are told apart by
     * these, with no look at text that has long left the cache. */
    uint64_t *lines = calloc((size_t)1 << HASH_BITS, sizeof(uint64_t));
    int64_t room = 256, count = 0, covered = 0, done = 0, position = 0, asked = LOOK_AFTER;
    Repeat *out = malloc((size_t)room * sizeof(Repeat));
    if (lines == NULL || out == NULL) goto failed;
    while (position + HASHED <= length) {
        if (position >= asked) {
            if (covered < position / LEAST_SHARE) break;
            asked = position + LOOK_AFTER;
        }
        uint64_t hash = hash_of(text + position);
        uint64_t slot = hash >> (64 - HASH_BITS), known = lines[slot];
        int64_t from = (uint32_t)known == (uint32_t)hash ? (int64_t)(known >> 32) - 1 : -1;
        int64_t distance = position - from, after = 0;
        if (from >= 0) {
            int64_t most = length - position < distance ? length - position : distance;
            after = equal_after(text + from, text + position, most);
        }
        if (after >= HASHED) {
            int64_t most = position - done < from ? position - done : from;
            if (most > distance) most = distance; /* else the walk could go back, again and again */
            int64_t before = equal_before(text + from, text + position, most);
            int64_t size = before + after < distance ? before + after : distance;
            if (size >= least) {
                if (count == room) {
                    Repeat *more = realloc(out, (size_t)room * 2 * sizeof(Repeat));
                    if (more == NULL) goto failed;
                    out = more;
                    room *= 2;
                }
                out[count++] = (Repeat){position - before, from - before, size};
                covered += size;
                position = done = position - before + size;
            } else {
                position += after;
            }
        } else {
            lines[slot] = (uint64_t)(position + 1) << 32 | (uint32_t)hash;
        }
        int64_t next = position + (position == done ? 0 : STEP_LEAST + (int64_t)(hash % STEP_MORE));
        if (next >= length) break;
        const uint8_t *end = memchr(text + next, '\n', (size_t)(length - next));
        if (end == NULL) break;
        position = end - text + 1;
    }
    free(lines);
    if (covered < length / LEAST_SHARE) count = 0;
    *found = out;
    return count;
failed:
    free(lines);
    free(out);
    return -1;
}

static PyObject *condense(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer buffer;
    Py_ssize_t least, margin;
    if (!PyArg_ParseTuple(args, "y*nn", &buffer, &least, &margin)) return NULL;
    if (buffer.len > UINT32_MAX - 1 || margin < 0 || least < 1 || margin > (least - 1) / 2) {
        PyBuffer_Release(&buffer);
        PyErr_SetString(PyExc_ValueError, "Expected a buffer below 4 GiB and repeats longer than two margins");
        return NULL;
    }
    const uint8_t *text = buffer.buf;
    int64_t length = buffer.len, total = 0, size = 0;
    Repeat *repeats = NULL;
    PyObject *out = NULL, *segments = NULL, *told = NULL, *condensed = NULL;
    int64_t count;
    Py_BEGIN_ALLOW_THREADS
    count = find_repeats(text, length, least, &repeats);
    Py_END_ALLOW_THREADS
    if (count < 0) {
        PyErr_NoMemory();
        goto done;
    }
    if (count == 0) {
        out = Py_NewRef(Py_None);
        goto done;
    }
    segments = PyBytes_FromStringAndSize(NULL, (count + 1) * (Py_ssize_t)sizeof(Segment));
    if (segments == NULL) goto done;
    Segment *segment = (Segment *)PyBytes_AsString(segments);
    for (int64_t k = 0, at = 0; k <= count; k++) {
        int64_t end = k < count ? repeats[k].at + margin : length;
        if (end > length) end = length;
        segment[k] = (Segment){at, end - at};
        total += end - at;
        if (k < count) at = repeats[k].at + repeats[k].size - margin;
    }
    condensed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)total);
    told = PyBytes_FromStringAndSize((const char *)repeats, count * (Py_ssize_t)sizeof(Repeat));
    if (condensed == NULL || told == NULL) goto done;
    uint8_t *to = (uint8_t *)PyBytes_AsString(condensed);
    Py_BEGIN_ALLOW_THREADS
    for (int64_t k = 0; k <= count; k++) {
        memcpy(to + size, text + segment[k].at, (size_t)segment[k].size);
        size += segment[k].size;
    }
    Py_END_ALLOW_THREADS
    out = PyTuple_Pack(3, condensed, segments, told);
done:
    free(repeats);
    Py_XDECREF(condensed);
    Py_XDECREF(segments);
    Py_XDECREF(told);
    PyBuffer_Release(&buffer);
    return out;
}

/* A hit that is known: where it ends in the buffer, of which trigger, the blob it ends in, and the first of those that all
 * have the same bytes round them. */
typedef struct {
    int64_t end, trigger, blob, first;
} Hit;

typedef struct {
    Hit *at;
    int64_t count, room;
} Hits;

static int add(Hits *hits, Hit hit) {
    if (hits->count == hits->room) {
        int64_t room = hits->room ? hits->room * 2 : 1024;
        Hit *more = realloc(hits->at, (size_t)room * sizeof(Hit));
        if (more == NULL) return -1;
        hits->at = more;
        hits->room = room;
    }
    hits->at[hits->count++] = hit;
    return 0;
}

typedef struct {
    const int64_t *ends, *triggers;                 /* hits of the condensed text, by end, then trigger */
    const Segment *segments;
    const Repeat *repeats;
    const int64_t *lengths, *before, *after;        /* by trigger: its bytes, and those that its verdict looks at */
    const int64_t *starts, *stops;                  /* the blobs' borders */
    int64_t hits, segment_count, repeat_count, triggers_known, blobs;
} Given;

static inline int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t most_of(int64_t a, int64_t b) { return a > b ? a : b; }

/* Where what is looked at round a hit begins and ends: its blob's borders cut it off. */
static inline int64_t low_of(const Given *g, int64_t end, int64_t trigger, int64_t blob) {
    return most_of(end - g->before[trigger], g->starts[blob]);
}

static inline int64_t high_of(const Given *g, int64_t end, int64_t trigger, int64_t blob) {
    return least_of(end + g->after[trigger], g->stops[blob]);
}

static int spread_hits(const Given *g, Hits *out) {
    int64_t hit = 0, segment = 0, offset = 0, blob = 0;
    for (int64_t r = 0; r <= g->repeat_count; r++) {
        int is_last = r == g->repeat_count;
        int64_t at = is_last ? INT64_MAX : g->repeats[r].at;
        int64_t from = is_last ? 0 : g->repeats[r].from, size = is_last ? 0 : g->repeats[r].size;
        /* All hits that end at `from + size` or before are known: it is not beyond `at`. */
        int64_t low = 0, high = out->count;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (out->at[middle].end <= from) low = middle + 1;
            else high = middle;
        }
        int64_t copy = low;
        for (;;) {
            int64_t end = INT64_MAX, trigger = 0;
            for (; hit < g->hits; hit++) { /* the next hit of the condensed text, where it stands in the buffer */
                trigger = g->triggers[hit];
                while (segment < g->segment_count && g->ends[hit] > offset + g->segments[segment].size)
                    offset += g->segments[segment++].size;
                if (segment == g->segment_count) return -2;
                int64_t in = g->ends[hit] - offset;
                if (in < g->lengths[trigger]) continue; /* across two segments: it stands nowhere */
                end = g->segments[segment].at + in;
                if (!is_last && end <= at + size && end - g->lengths[trigger] >= at) {
                    end = INT64_MAX;
                    continue; /* inside the repeat: it comes from there */
                }
                break;
            }
            if (hit == g->hits) end = INT64_MAX;
            while (copy < out->count && out->at[copy].end <= from + size &&
                   out->at[copy].end - g->lengths[out->at[copy].trigger] < from)
                copy++;
            int has_copy = !is_last && copy < out->count && out->at[copy].end <= from + size;
            int64_t copied = has_copy ? out->at[copy].end + at - from : INT64_MAX;
            int has_own = end != INT64_MAX && (is_last || end <= at + size);
            if (!has_own && !has_copy) break;
            if (has_own && (!has_copy || end < copied || (end == copied && trigger <= out->at[copy].trigger))) {
                while (blob + 1 < g->blobs && g->starts[blob + 1] < end) blob++;
                if (add(out, (Hit){end, trigger, blob, out->count}) < 0) return -1;
                hit++;
                continue;
            }
            Hit source = out->at[copy++];
            while (blob + 1 < g->blobs && g->starts[blob + 1] < copied) blob++;
            int64_t first = out->count;
            int64_t bottom = low_of(g, copied, source.trigger, blob), top = high_of(g, copied, source.trigger, blob);
            if (bottom >= at && top <= at + size &&
                copied - bottom == source.end - low_of(g, source.end, source.trigger, source.blob) &&
                top - copied == high_of(g, source.end, source.trigger, source.blob) - source.end)
                first = source.first;
            if (add(out, (Hit){copied, source.trigger, blob, first}) < 0) return -1;
        }
    }
    return 0;
}

#define BUFFERS 10

static PyObject *spread(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer b[BUFFERS];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*y*y*:spread", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7], &b[8]))
        return NULL;
    PyObject *out = NULL;
    Given g = {b[0].buf, b[1].buf, b[2].buf, b[3].buf, b[4].buf, b[5].buf, b[6].buf, b[7].buf, b[8].buf,
               b[0].len / 8, b[2].len / (Py_ssize_t)sizeof(Segment), b[3].len / (Py_ssize_t)sizeof(Repeat), b[4].len / 8,
               b[7].len / 8};
    Hits hits = {NULL, 0, 0};
    int problem = b[1].len != b[0].len || b[5].len != b[4].len || b[6].len != b[4].len || b[8].len != b[7].len || g.blobs == 0;
    for (int64_t k = 0; !problem && k < g.hits; k++) problem = g.triggers[k] < 0 || g.triggers[k] >= g.triggers_known;
    for (int64_t k = 0; !problem && k < g.triggers_known; k++) problem = g.lengths[k] < 1;
    for (int64_t k = 0; !problem && k < g.segment_count; k++) problem = g.segments[k].size < 0;
    for (int64_t k = 0, end = 0; !problem && k < g.repeat_count; end = g.repeats[k].at + g.repeats[k].size, k++) {
        Repeat r = g.repeats[k]; /* a source that ends before its repeat is what makes copying end */
        problem = r.from < 0 || r.size < 1 || r.at < end || r.from > r.at || r.size > r.at - r.from;
    }
    if (problem) {
        PyErr_SetString(PyExc_ValueError,
                        "Expected columns of one length, a blob, triggers that are known, and repeats in order");
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS
    problem = spread_hits(&g, &hits);
    Py_END_ALLOW_THREADS
    if (problem == -1) PyErr_NoMemory();
    else if (problem) PyErr_SetString(PyExc_ValueError, "Expected hits within the condensed text");
    else out = PyBytes_FromStringAndSize((const char *)hits.at, hits.count * (Py_ssize_t)sizeof(Hit));
done:
    free(hits.at);
    for (int k = 0; k < BUFFERS - 1; k++) PyBuffer_Release(&b[k]);
    return out;
}

static PyMethodDef methods[] = {
    {"condense", condense, METH_VARARGS, "condense(buffer, least, margin) -> (text, segments, repeats) or None"},
    {"spread", spread, METH_VARARGS,
     "spread(ends, triggers, segments, repeats, lengths, before, after, starts, stops) -> hits"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_repeats", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__repeats(void) { return PyModule_Create(&module); }
