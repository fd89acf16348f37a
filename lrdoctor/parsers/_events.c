/* The scalar points of event files, in one pass over the bytes: what `_scalar_events.py` does in Python, for the records
 * that nearly all files consist of. Whatever is unusual is handed back by its offset, so it is implemented once.
 *
 * What always holds: every read is checked against the end of its record, nothing is allocated by what the input
 * declares, and a record changes nothing until all of it is understood. While the GIL is released the scanner is marked
 * busy, and every other use of it is refused.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000 /* 3.11: one build for all later versions */
#include <Python.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "numbers are taken from the file as they lie there"
#endif

enum { HEADER = 12, FOOTER = 4, MOST_VALUES = 256, FIRST_POINTS = 32, ROW = 24,
    SHORT = 2048 /* points of a tag whose columns are put on the shelf */ };
#define PAGE ((size_t)1 << 16) /* of any system: a multiple of its own */
#define HUGE_PAGE ((size_t)1 << 21)
#define SHELF_ROOM (HUGE_PAGE / ROW + 1) /* the least that is mapped */
/* What `scan` says of the record where it stopped. The Python side resumes behind it. */
enum { END, UNUSUAL, BAD_CHECKSUM, LOST, TOO_LONG, FAILED, NO_MEMORY, READ };

/* --- CRC-32C (Castagnoli, 1993): by the processor's own instruction, else eight bytes per step ----------------------- */

static uint32_t table[8][256];

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = table[7][word & 255] ^ table[6][word >> 8 & 255] ^ table[5][word >> 16 & 255] ^ table[4][word >> 24 & 255]
            ^ table[3][word >> 32 & 255] ^ table[2][word >> 40 & 255] ^ table[1][word >> 48 & 255] ^ table[0][word >> 56];
    }
    while (size--)
        crc = table[0][(crc ^ *p++) & 255] ^ crc >> 8;
    return crc;
}

#if defined(__x86_64__)
#define HARDWARE __attribute__((target("sse4.2")))
#define CRC_8 __builtin_ia32_crc32di
#define CRC_4 __builtin_ia32_crc32si
#define CRC_1 __builtin_ia32_crc32qi
#define has_hardware() __builtin_cpu_supports("sse4.2")
#elif defined(__aarch64__) && (defined(__ARM_FEATURE_CRC32) || defined(__linux__))
#include <arm_acle.h>
#define HARDWARE __attribute__((target("+crc")))
#define CRC_8 __crc32cd
#define CRC_4 __crc32cw
#define CRC_1 __crc32cb
#ifdef __ARM_FEATURE_CRC32
#define has_hardware() 1
#else
#include <sys/auxv.h>
#define has_hardware() (getauxval(AT_HWCAP) >> 7 & 1) /* HWCAP_CRC32 */
#endif
#endif

#ifdef HARDWARE
HARDWARE static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc = (uint32_t)CRC_8(crc, word);
    }
    if (size & 4) {
        uint32_t word;
        memcpy(&word, p, 4);
        crc = CRC_4(crc, word);
        p += 4, size -= 4;
    }
    while (size--)
        crc = CRC_1(crc, *p++);
    return crc;
}
#endif

static uint32_t (*crc_of)(uint32_t, const uint8_t *, size_t) = crc_by_table;

static void prepare_crc(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
        table[0][byte] = crc;
    }
    for (int step = 1; step < 8; step++)
        for (int byte = 0; byte < 256; byte++)
            table[step][byte] = table[0][table[step - 1][byte] & 255] ^ table[step - 1][byte] >> 8;
#ifdef HARDWARE
    if (has_hardware())
        crc_of = crc_by_instruction;
#endif
}

/* Whether the four bytes at `stored` are the masked checksum that belongs to `crc`, which was begun with all ones. */
static int agrees(uint32_t crc, const uint8_t *stored)
{
    uint32_t expected;
    memcpy(&expected, stored, 4);
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8u == expected;
}

/* --- tags and their points ------------------------------------------------------------------------------------------ */

typedef struct {
    char *name, *metadata; /* metadata: the only one that is known, or NULL */
    size_t name_size, metadata_size;
    uint8_t *shape;        /* what its last record held before its number, behind the step, and then what behind it */
    size_t before, behind;
    uint64_t hash;
    int foreign;       /* its tensors belong to another plugin than `scalars` */
    Py_ssize_t place;  /* among the tags that have had points; -1 before the first one */
    uint32_t next;     /* the tag that came after this one last time */
    size_t count, room;
    int64_t *steps; /* the beginning of the block in which all three are */
    double *values, *times;
} Tag;

typedef struct {
    uint32_t tag;
    double value;
    const uint8_t *at; /* its four bytes */
} Point;

typedef struct {
    PyObject_HEAD
    Tag *tags;
    uint32_t count, room, last;
    uint32_t *slots; /* open addressing; 0 is free, else the tag's number + 1 */
    uint32_t mask;
    uint64_t seed;
    Py_ssize_t places, most_tags;
    unsigned long long others;
    uint64_t longest, small_tensor;
    uint8_t *window; /* `held` bytes of the file from `start` on; NULL between two files, as a run may have hundreds */
    size_t size, held;
    int64_t start, here, end; /* here: the record that is being read; end: of the file, when it was begun */
    int busy;
} Scanner;

static uint64_t hash_of(uint64_t hash, const char *name, size_t size)
{
    for (; size; ) {
        uint64_t word = size;
        size_t part = size < 8 ? size : 8;
        memcpy(&word, name, part);
        hash = (hash ^ word ^ (uint64_t)part << 56) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
        name += part, size -= part;
    }
    return hash;
}

static uint32_t slot_of(const Scanner *self, const char *name, size_t size, uint64_t hash)
{
    uint32_t slot = (uint32_t)(hash >> 32) & self->mask;
    for (; self->slots[slot]; slot = (slot + 1) & self->mask) {
        const Tag *tag = &self->tags[self->slots[slot] - 1];
        if (tag->hash == hash && tag->name_size == size && !memcmp(tag->name, name, size))
            break;
    }
    return slot;
}

/* The tag's number, or UINT32_MAX. Tags come in the same order again and again, so the next one is guessed first. */
static uint32_t find(Scanner *self, const char *name, size_t size)
{
    if (!self->count)
        return UINT32_MAX;
    uint32_t guess = self->tags[self->last].next;
    if (self->tags[guess].name_size != size || memcmp(self->tags[guess].name, name, size)) {
        uint32_t slot = self->slots[slot_of(self, name, size, hash_of(self->seed, name, size))];
        if (!slot)
            return UINT32_MAX;
        guess = self->tags[self->last].next = slot - 1;
    }
    return self->last = guess;
}

static int make_room(Scanner *self)
{
    uint32_t room = self->room ? 2 * self->room : 16;
    Tag *tags = realloc(self->tags, room * sizeof(Tag));
    if (!tags)
        return 0;
    self->tags = tags;
    uint32_t *slots = calloc(2 * (size_t)room, sizeof(uint32_t));
    if (!slots)
        return 0;
    free(self->slots);
    self->slots = slots, self->mask = 2 * room - 1, self->room = room;
    for (uint32_t at = 0; at < self->count; at++)
        slots[slot_of(self, tags[at].name, tags[at].name_size, tags[at].hash)] = at + 1;
    return 1;
}

/* The tag's number, which is new where the name is; UINT32_MAX where there is no memory. */
static uint32_t find_or_add(Scanner *self, const char *name, size_t size)
{
    uint32_t found = find(self, name, size);
    if (found != UINT32_MAX)
        return found;
    if (self->count == UINT32_MAX / 4 || (self->count == self->room && !make_room(self)))
        return UINT32_MAX;
    Tag *tag = &self->tags[self->count];
    memset(tag, 0, sizeof(Tag));
    if (!(tag->name = malloc(size ? size : 1)))
        return UINT32_MAX;
    memcpy(tag->name, name, size);
    tag->name_size = size, tag->place = -1, tag->hash = hash_of(self->seed, name, size);
    self->slots[slot_of(self, name, size, tag->hash)] = ++self->count;
    return self->count - 1;
}

/* Rows of 24 bytes for steps, values and wall times, one column after the other. Large blocks begin at the border of a
 * huge page and consist of such, as far as they fill any: with small ones a third of all time would go into faults. */
static size_t mapped_size(size_t room)
{
    return room * ROW < HUGE_PAGE ? 0 : (room * ROW + PAGE - 1) & ~(PAGE - 1);
}

static void *block_new(size_t room)
{
    size_t size = mapped_size(room);
    if (!size)
        return malloc(room * ROW);
    uint8_t *start = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = -(uintptr_t)start & (HUGE_PAGE - 1);
    if (before)
        munmap(start, before);
    munmap(start + before + size, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(start + before, size & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
    return start + before;
}

static void block_free(void *block, size_t room)
{
    size_t size = mapped_size(room);
    if (size)
        munmap(block, size);
    else
        free(block);
}

/* Put the three columns where they belong in a block for `new_room` rows: another block, or the same with less room, in
 * which each moves to the front, over nothing that is still to be moved. */
static void lay_out(uint8_t *to, size_t new_room, const uint8_t *from, size_t room, size_t count)
{
    for (int column = 0; column < 3; column++)
        memmove(to + column * new_room * 8, from + column * room * 8, count * 8);
}

static void see_columns(Tag *tag, uint8_t *block, size_t room)
{
    tag->steps = (int64_t *)block, tag->values = (double *)block + room, tag->times = (double *)block + 2 * room;
    tag->room = room;
}

/* `rows` is how many there will be, as far as can be told; no more is set aside than the file could fill. */
static __attribute__((noinline)) int grow(Tag *tag, size_t rows)
{
    size_t room = tag->room ? tag->room + tag->room / 2 : FIRST_POINTS;
    room = rows > room ? rows : room;
    uint8_t *block = block_new(room);
    if (!block)
        return 0;
    if (tag->room) {
        lay_out(block, room, (uint8_t *)tag->steps, tag->room, tag->count);
        block_free(tag->steps, tag->room);
    }
    see_columns(tag, block, room);
    return 1;
}

/* How many points the tag would have at the end of the file if it went on as up to here. */
static size_t foreseen(const Scanner *self, const Tag *tag)
{
    if (self->here <= 0 || self->end <= self->here)
        return 0;
    double rows = 1.02 * (double)tag->count * (double)self->end / (double)self->here;
    return rows * ROW < (double)self->end ? (size_t)rows : 0;
}

static inline int append(Scanner *self, uint32_t number, int64_t step, double value, double time)
{
    Tag *tag = &self->tags[number];
    if (tag->count == tag->room && !grow(tag, foreseen(self, tag)))
        return 0;
    if (tag->place < 0)
        tag->place = self->places++;
    tag->steps[tag->count] = step, tag->values[tag->count] = value, tag->times[tag->count++] = time;
    return 1;
}

/* --- the few protobuf fields that a scalar needs -------------------------------------------------------------------- */

/* Behind the number at `p`, or NULL where none ends before `end`. */
static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        *value |= shift < 64 ? (uint64_t)(byte & 127) << shift : 0;
        if (byte < 128)
            return p;
    }
    return NULL;
}

/* memcmp for a few bytes, of which there are mostly more than eight: a call would take longer. */
static inline int same(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint64_t one, other;
    if (size < 8)
        return !size || !memcmp(a, b, size);
    for (; size > 8; a += 8, b += 8, size -= 8) {
        memcpy(&one, a, 8), memcpy(&other, b, 8);
        if (one != other)
            return 0;
    }
    memcpy(&one, a + size - 8, 8), memcpy(&other, b + size - 8, 8);
    return one == other;
}

/* The beginning of the content whose size stands at `p`, and its end in `stop`; NULL where it is not all there. */
static inline const uint8_t *content(const uint8_t *p, const uint8_t *end, const uint8_t **stop)
{
    uint64_t size;
    if (p < end && *p < 128)
        size = *p++;
    else if (!(p = varint(p, end, &size)))
        return NULL;
    if (size > (uint64_t)(end - p))
        return NULL;
    *stop = p + size;
    return p;
}

/* Whether this is the tensor of one float of shape (), as `_FLOAT_TENSORS` lists them; its value is the last 4 bytes. */
static int is_float(const uint8_t *p, size_t size)
{
    if (size < 7 || p[0] != 0x08 || p[1] != 0x01)
        return 0;
    p += 2, size -= 2;
    if (size > 2 && p[0] == 0x12 && p[1] == 0x00)
        p += 2, size -= 2;
    return size == 5 ? p[0] == 0x2D : size == 6 && (p[0] == 0x22 || p[0] == 0x2A) && p[1] == 0x04;
}

/* One Summary.Value: READ with `found` set, or with `tag` UINT32_MAX where it is no scalar. */
static int read_value(Scanner *self, const uint8_t *p, const uint8_t *end, Point *found)
{
    const uint8_t *name, *name_end, *tensor = NULL, *tensor_end = NULL, *inner, *stop;
    float number;
    const uint8_t *number_at = NULL;
    if (p == end || *p++ != 0x0A || !(name = content(p, end, &name_end)))
        return UNUSUAL;
    uint32_t tag = find(self, (const char *)name, name_end - name);
    for (p = name_end; p < end; ) {
        switch (*p++) {
        case 0x15: /* simple_value */
            if (end - p < 4)
                return UNUSUAL;
            number_at = p;
            p += 4;
            break;
        case 0x42:
            if (!(tensor = content(p, end, &tensor_end)))
                return UNUSUAL;
            p = tensor_end;
            break;
        case 0x4A: /* metadata; one that is not known tells something */
            if (tag == UINT32_MAX || !self->tags[tag].metadata || !(inner = content(p, end, &stop))
                || (size_t)(stop - inner) != self->tags[tag].metadata_size
                || memcmp(inner, self->tags[tag].metadata, stop - inner))
                return UNUSUAL;
            p = stop;
            break;
        case 0x1A: case 0x22: case 0x2A: case 0x32: /* histograms, image, audio */
            if (!content(p, end, &stop))
                return UNUSUAL;
            p = stop;
            break;
        default:
            return UNUSUAL;
        }
    }
    if (!number_at && tensor < tensor_end && (uint64_t)(tensor_end - tensor) <= self->small_tensor
        && (tag == UINT32_MAX || !self->tags[tag].foreign)) {
        if (!is_float(tensor, tensor_end - tensor))
            return UNUSUAL;
        number_at = tensor_end - 4;
    }
    found->tag = UINT32_MAX;
    if (!number_at)
        return READ;
    if (tag == UINT32_MAX) {
        if (self->count >= 2 * (uint64_t)self->most_tags)
            return UNUSUAL;
        if ((tag = find_or_add(self, (const char *)name, name_end - name)) == UINT32_MAX)
            return NO_MEMORY;
    }
    memcpy(&number, number_at, 4);
    found->tag = tag, found->value = number, found->at = number_at;
    return READ;
}

/* Let records of this tag that hold the same bytes be recognised by them. */
static int remember(Tag *tag, const uint8_t *start, const uint8_t *number, const uint8_t *end)
{
    size_t before = (size_t)(number - start), behind = (size_t)(end - number) - 4;
    if (tag->shape && tag->before == before && tag->behind == behind && same(tag->shape, start, before)
        && same(tag->shape + before, number + 4, behind))
        return 1;
    uint8_t *shape = realloc(tag->shape, before + behind);
    if (!shape)
        return 0;
    memcpy(shape, start, before);
    memcpy(shape + before, number + 4, behind);
    tag->shape = shape, tag->before = before, tag->behind = behind;
    return 1;
}

/* READ, if this is a record like the last one of the tag whose turn it is; nearly all are. */
static inline int read_like_before(Scanner *self, const uint8_t *p, const uint8_t *end)
{
    if (!self->count || end - p < 12 || p[0] != 0x09 || p[9] != 0x10)
        return UNUSUAL;
    uint32_t number = self->tags[self->last].next;
    const Tag *tag = &self->tags[number];
    const uint8_t *start = p + 11;
    uint64_t step = p[10];
    double time;
    float value;
    if (step > 127 && !(start = varint(p + 10, end, &step)))
        return UNUSUAL;
    if (!tag->shape || (size_t)(end - start) != tag->before + 4 + tag->behind
        || !same(start, tag->shape, tag->before)
        || !same(start + tag->before + 4, tag->shape + tag->before, tag->behind))
        return UNUSUAL;
    memcpy(&time, p + 1, 8);
    memcpy(&value, start + tag->before, 4);
    self->last = number;
    return append(self, number, (int64_t)step, value, time) ? READ : NO_MEMORY;
}

/* One record's event. Its points are added only when all of it has been understood. */
static int read_event(Scanner *self, const uint8_t *p, const uint8_t *end)
{
    Point points[MOST_VALUES];
    const uint8_t *value, *value_end, *stop;
    const uint8_t *first = p, *start = NULL;
    unsigned long long others = 0;
    Py_ssize_t count = 0, new = 0;
    uint64_t step = 0;
    double time = 0.0;
    while (p < end) {
        switch (*p++) {
        case 0x09:
            if (end - p < 8)
                return UNUSUAL;
            memcpy(&time, p, 8);
            p += 8;
            break;
        case 0x10:
            start = p - 1 == first + 9 ? p : NULL;
            if (!(p = varint(p, end, &step)))
                return UNUSUAL;
            start = start ? p : NULL;
            break;
        case 0x2A: /* summary */
            start = start == p - 1 ? start : NULL;
            if (!(p = content(p, end, &stop)))
                return UNUSUAL;
            start = stop == end ? start : NULL;
            while (p < stop) {
                if (*p++ != 0x0A || !(value = content(p, stop, &value_end)) || count == MOST_VALUES)
                    return UNUSUAL;
                int what = read_value(self, value, value_end, &points[count]);
                if (what != READ)
                    return what;
                if (points[count].tag == UINT32_MAX)
                    others++;
                else
                    new += self->tags[points[count++].tag].place < 0;
                p = value_end;
            }
            break;
        case 0x1A: case 0x22: case 0x32: case 0x42: case 0x4A: case 0x52: /* version, graphs, messages, run metadata */
            if (!content(p, end, &stop))
                return UNUSUAL;
            p = stop;
            break;
        default: /* the start of a session, or a field of later days */
            return UNUSUAL;
        }
    }
    if (new && self->places + new > self->most_tags)
        return UNUSUAL;
    for (Py_ssize_t at = 0; at < count; at++)
        if (!append(self, points[at].tag, (int64_t)step, points[at].value, time))
            return NO_MEMORY;
    self->others += others;
    if (start && count == 1 && !others && !remember(&self->tags[points[0].tag], start, points[0].at, end))
        return NO_MEMORY;
    return READ;
}

/* --- the records of a file ------------------------------------------------------------------------------------------ */

/* Up to `size` bytes from `at` on, fewer at the end of the file only; -1 where the system fails. */
static Py_ssize_t read_at(int file, uint8_t *into, size_t size, int64_t at)
{
    size_t got = 0;
    while (got < size) {
        ssize_t part = pread(file, into + got, size - got, (off_t)(at + (int64_t)got));
        if (part < 0 && errno == EINTR)
            continue;
        if (part < 0)
            return -1;
        if (!part)
            break;
        got += (size_t)part;
    }
    return (Py_ssize_t)got;
}

/* Let the window begin at `at`, and read on to its end. */
static int move_window(Scanner *self, int file, int64_t at)
{
    size_t kept = 0;
    if (at >= self->start && at - self->start < (int64_t)self->held)
        kept = self->held - (size_t)(at - self->start);
    memmove(self->window, self->window + (self->held - kept), kept);
    self->start = at, self->held = kept;
    Py_ssize_t more = read_at(file, self->window + kept, self->size - kept, at + (int64_t)kept);
    if (more < 0)
        return 0;
    self->held += (size_t)more;
    return 1;
}

/* A record that is longer than the window: only its checksum is computed, and all of it goes to Python. */
static int check_long(Scanner *self, int file, int64_t at, uint64_t length)
{
    uint32_t crc = UINT32_MAX;
    self->held = 0;
    for (at += HEADER; length; ) {
        size_t part = length < self->size ? (size_t)length : self->size;
        Py_ssize_t got = read_at(file, self->window, part, at);
        if (got < (Py_ssize_t)part)
            return got < 0 ? FAILED : END;
        crc = crc_of(crc, self->window, part);
        at += (int64_t)part, length -= part;
    }
    Py_ssize_t got = read_at(file, self->window, FOOTER, at);
    if (got < FOOTER)
        return got < 0 ? FAILED : END;
    return agrees(crc, self->window) ? UNUSUAL : BAD_CHECKSUM;
}

/* Read from `at` on until there is something for Python; `at` then is where that record begins, `length` its data's. */
static int scan(Scanner *self, int file, int64_t *at, int64_t stop, uint64_t *length)
{
    if (!*at) {
        struct stat about;
        self->held = 0; /* another file, perhaps */
        self->start = self->here = 0;
        self->end = fstat(file, &about) ? 0 : (int64_t)about.st_size;
    }
    for (size_t needed = HEADER;; needed = HEADER) {
        const uint8_t *p = self->window, *end = p + self->held;
        if (*at >= self->start && *at - self->start <= (int64_t)self->held)
            p += *at - self->start;
        else
            p = end;
        const uint8_t *first = p;
        while (end - p >= HEADER) {
            if (*at + (p - first) > stop)
                break;
            if (!agrees(crc_of(UINT32_MAX, p, 8), p + 8)) {
                *at += p - first;
                return LOST;
            }
            memcpy(length, p, 8);
            if (*length > self->longest - HEADER - FOOTER) {
                *at += p - first;
                return TOO_LONG;
            }
            needed = HEADER + *length + FOOTER;
            if ((size_t)(end - p) < needed)
                break;
            const uint8_t *footer = p + HEADER + *length;
            int what = BAD_CHECKSUM;
            self->here = *at + (p - first);
            if (agrees(crc_of(UINT32_MAX, p + HEADER, *length), footer))
                what = read_like_before(self, p + HEADER, footer);
            if (what == UNUSUAL)
                what = read_event(self, p + HEADER, footer);
            if (what != READ) {
                *at += p - first;
                return what;
            }
            p = footer + FOOTER;
            needed = HEADER;
        }
        *at += p - first;
        if (*at > stop) {
            *length = 0;
            return END;
        }
        if (needed > self->size) {
            int what = check_long(self, file, *at, *length);
            if (what == END)
                *length = 1; /* something is there, though not all */
            return what;
        }
        if (!move_window(self, file, *at))
            return FAILED;
        if (self->held < needed) {
            *length = self->held;
            return END;
        }
    }
}

/* --- for Python ----------------------------------------------------------------------------------------------------- */

/* A block of columns, for Python. */
typedef struct {
    PyObject_HEAD
    uint8_t *data;
    size_t room; /* in rows */
} Numbers;

static PyTypeObject *numbers_type;

/* Takes over the block, even where it fails. */
static Numbers *numbers_new(uint8_t *block, size_t room)
{
    Numbers *numbers = block ? (Numbers *)PyType_GenericAlloc(numbers_type, 0) : NULL;
    if (numbers)
        numbers->data = block, numbers->room = room;
    else if (block)
        block_free(block, room);
    else
        PyErr_NoMemory();
    return numbers;
}

static int numbers_get(PyObject *self, Py_buffer *view, int flags)
{
    Numbers *numbers = (Numbers *)self;
    return PyBuffer_FillInfo(view, self, numbers->data, (Py_ssize_t)(numbers->room * ROW), 1, flags);
}

static void numbers_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Numbers *numbers = (Numbers *)self;
    block_free(numbers->data, numbers->room);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyType_Slot numbers_slots[] = {
    {Py_tp_doc, "Eight-byte numbers, read-only, for numpy to wrap."},
    {Py_tp_dealloc, numbers_free},
    {Py_bf_getbuffer, numbers_get},
    {0, NULL},
};
static PyType_Spec numbers_spec = {
    "lrdoctor.parsers._events.Numbers", sizeof(Numbers), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, numbers_slots,
};

/* A huge page in which the columns of many short runs lie, side by side, for as long as one of them is in use. The one
 * that is filled at present, or NULL, and how many of its rows are taken; both change under the GIL alone. */
static Numbers *shelf;
static size_t shelved;

/* An object whose numbers from `first` on are the tag's columns, each with this room; the tag has none then. */
static Numbers *numbers_of(Tag *tag, size_t *first, size_t *room)
{
    Numbers *numbers;
    uint8_t *less, *block = (uint8_t *)tag->steps;
    size_t count = tag->count;
    *first = 0, *room = tag->room;
    if (count <= SHORT) {
        if (!shelf || SHELF_ROOM - shelved < count) {
            Py_XDECREF((PyObject *)shelf);
            shelved = 0;
            if (!(shelf = numbers_new(block_new(SHELF_ROOM), SHELF_ROOM)))
                return NULL;
        }
        lay_out(shelf->data + shelved * ROW, count, block, tag->room, count);
        block_free(block, tag->room);
        *first = 3 * shelved, *room = count;
        shelved += count;
        numbers = shelf;
        Py_INCREF((PyObject *)numbers);
    } else {
        if (!mapped_size(tag->room)) { /* of what was mapped, that which is not used was never touched */
            lay_out(block, count, block, tag->room, count);
            block = (less = realloc(block, count * ROW)) ? less : block;
            *room = count;
        }
        numbers = numbers_new(block, *room);
    }
    tag->steps = NULL, tag->values = tag->times = NULL, tag->count = tag->room = 0;
    return numbers;
}

static int usable(const Scanner *self)
{
    if (self->busy)
        PyErr_SetString(PyExc_RuntimeError, "the scanner is at work in another thread");
    return !self->busy;
}

static PyObject *scanner_new(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = {"most_tags", "longest", "small_tensor", "seed", "window", NULL};
    Py_ssize_t most_tags, window;
    unsigned long long longest, small_tensor, seed;
    if (!PyArg_ParseTupleAndKeywords(
            args, keywords, "nKKKn", names, &most_tags, &longest, &small_tensor, &seed, &window))
        return NULL;
    if (window < HEADER + FOOTER || window > INT32_MAX || longest < HEADER + FOOTER || longest > UINT32_MAX || most_tags < 1
        || most_tags > INT32_MAX / 16)
        return PyErr_Format(PyExc_ValueError, "a limit is out of range");
    Scanner *self = (Scanner *)PyType_GenericAlloc(type, 0); /* filled with zeros */
    if (!self)
        return NULL;
    self->size = (size_t)window, self->most_tags = most_tags, self->longest = longest;
    self->small_tensor = small_tensor, self->seed = seed;
    return (PyObject *)self;
}

static void scanner_free(PyObject *object)
{
    Scanner *self = (Scanner *)object;
    for (uint32_t at = 0; at < self->count; at++) {
        Tag *tag = &self->tags[at];
        free(tag->name), free(tag->metadata), free(tag->shape);
        block_free(tag->steps, tag->room);
    }
    free(self->tags), free(self->slots), free(self->window);
    PyTypeObject *type = Py_TYPE(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* The window of the last file that came to its end, whose pages the next one need not touch for the first time. It
 * changes hands under the GIL alone. */
static uint8_t *spare;
static size_t spare_size;

static PyObject *scanner_scan(PyObject *object, PyObject *args)
{
    Scanner *self = (Scanner *)object;
    int file, what, error;
    long long from, stop;
    uint64_t length = 0;
    if (!PyArg_ParseTuple(args, "iLL", &file, &from, &stop) || !usable(self))
        return NULL;
    if (from < 0)
        return PyErr_Format(PyExc_ValueError, "no file begins before 0");
    if (!self->window && spare_size == self->size)
        self->window = spare, spare = NULL, spare_size = 0;
    if (!self->window && !(self->window = malloc(self->size)))
        return PyErr_NoMemory();
    int64_t at = from;
    self->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    what = scan(self, file, &at, stop, &length);
    error = errno;
    Py_END_ALLOW_THREADS
    self->busy = 0;
    if (what == END) {
        free(spare);
        spare = self->window, spare_size = self->size;
        self->window = NULL, self->held = 0;
    }
    errno = error;
    if (what == FAILED)
        return PyErr_SetFromErrno(PyExc_OSError);
    if (what == NO_MEMORY)
        return PyErr_NoMemory();
    return Py_BuildValue("iLK", what, (long long)at, (unsigned long long)length);
}

static PyObject *scanner_append(PyObject *object, PyObject *args)
{
    Scanner *self = (Scanner *)object;
    const char *name;
    Py_ssize_t size;
    long long step;
    double value, time;
    if (!PyArg_ParseTuple(args, "y#Ldd", &name, &size, &step, &value, &time) || !usable(self))
        return NULL;
    uint32_t tag = find(self, name, (size_t)size);
    if ((tag == UINT32_MAX || self->tags[tag].place < 0) && self->places >= self->most_tags)
        return PyBool_FromLong(0);
    tag = find_or_add(self, name, (size_t)size);
    if (tag == UINT32_MAX || !append(self, tag, step, value, time))
        return PyErr_NoMemory();
    return PyBool_FromLong(1);
}

static PyObject *scanner_know(PyObject *object, PyObject *args)
{
    Scanner *self = (Scanner *)object;
    const char *name, *metadata;
    Py_ssize_t size, metadata_size;
    int foreign;
    if (!PyArg_ParseTuple(args, "y#py#", &name, &size, &foreign, &metadata, &metadata_size) || !usable(self))
        return NULL;
    uint32_t number = find_or_add(self, name, (size_t)size);
    char *copy = number == UINT32_MAX ? NULL : malloc(metadata_size ? (size_t)metadata_size : 1);
    if (!copy)
        return PyErr_NoMemory();
    memcpy(copy, metadata, (size_t)metadata_size);
    Tag *tag = &self->tags[number];
    free(tag->metadata);
    tag->metadata = copy, tag->metadata_size = (size_t)metadata_size, tag->foreign = foreign;
    free(tag->shape);
    tag->shape = NULL; /* its records mean something else now, perhaps */
    Py_RETURN_NONE;
}

static PyObject *scanner_purge(PyObject *object, PyObject *args)
{
    Scanner *self = (Scanner *)object;
    long long step;
    unsigned long long gone = 0;
    if (!PyArg_ParseTuple(args, "L", &step) || !usable(self))
        return NULL;
    for (uint32_t at = 0; at < self->count; at++)
        for (Tag *tag = &self->tags[at]; tag->count && tag->steps[tag->count - 1] >= step; tag->count--)
            gone++;
    return PyLong_FromUnsignedLongLong(gone);
}

static PyObject *scanner_sizes(PyObject *object, PyObject *unused)
{
    Scanner *self = (Scanner *)object;
    PyObject *sizes = usable(self) ? PyList_New(self->places) : NULL;
    for (uint32_t at = 0; sizes && at < self->count; at++) {
        const Tag *tag = &self->tags[at];
        if (tag->place < 0)
            continue;
        PyObject *pair = Py_BuildValue("y#n", tag->name, (Py_ssize_t)tag->name_size, (Py_ssize_t)tag->count);
        if (!pair || PyList_SetItem(sizes, tag->place, pair) < 0)
            Py_CLEAR(sizes);
    }
    return sizes;
}

static PyObject *scanner_take(PyObject *object, PyObject *unused)
{
    Scanner *self = (Scanner *)object;
    PyObject *taken = usable(self) ? PyList_New(self->places) : NULL;
    for (uint32_t at = 0; taken && at < self->count; at++) {
        Tag *tag = &self->tags[at];
        if (tag->place < 0)
            continue;
        size_t first, room, count = tag->count;
        PyObject *row = NULL;
        Numbers *block = tag->steps ? numbers_of(tag, &first, &room) : NULL;
        if (block)
            row = Py_BuildValue("y#Nnnn", tag->name, (Py_ssize_t)tag->name_size, block, (Py_ssize_t)first,
                (Py_ssize_t)room, (Py_ssize_t)count);
        else if (!PyErr_Occurred())
            PyErr_SetString(PyExc_RuntimeError, "the points have been taken");
        if (!row || PyList_SetItem(taken, tag->place, row) < 0)
            Py_CLEAR(taken);
    }
    return taken;
}

static PyObject *scanner_others(PyObject *object, void *unused)
{
    return PyLong_FromUnsignedLongLong(((Scanner *)object)->others);
}

static PyMethodDef scanner_methods[] = {
    {"scan", scanner_scan, METH_VARARGS, "What stopped it, the offset of that record, and the size of its data."},
    {"append", scanner_append, METH_VARARGS, "Add one point; False where that would be one tag too many."},
    {"know", scanner_know, METH_VARARGS, "Whether the tag belongs to another plugin, and the metadata that says so."},
    {"purge", scanner_purge, METH_VARARGS, "Drop each tag's latest points at this step and above; how many they were."},
    {"sizes", scanner_sizes, METH_NOARGS, "Each tag that has had points, and how many it has."},
    {"take", scanner_take, METH_NOARGS,
        "Each tag that has had points, the block of its columns, where they begin, each one's room, and length; once only."},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef scanner_attributes[] = {
    {"others", scanner_others, NULL, "Values that are no scalars, among those that were read here.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, "Reads the points of event files, one after the other."},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_free},
    {Py_tp_methods, scanner_methods},
    {Py_tp_getset, scanner_attributes},
    {0, NULL},
};
static PyType_Spec scanner_spec = {
    "lrdoctor.parsers._events.Scanner", sizeof(Scanner), 0, Py_TPFLAGS_DEFAULT, scanner_slots,
};

static PyObject *crc32c(PyObject *module, PyObject *args)
{
    Py_buffer data;
    int by_table = 0;
    if (!PyArg_ParseTuple(args, "y*|p", &data, &by_table))
        return NULL;
    uint32_t crc = (by_table ? crc_by_table : crc_of)(UINT32_MAX, data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return PyLong_FromUnsignedLong(~crc & UINT32_MAX);
}

static PyMethodDef functions[] = {
    {"crc32c", crc32c, METH_VARARGS, "CRC-32C of some bytes; with True as well, computed without the instruction for it."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_events", "Reads the scalar points of event files.", -1, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__events(void)
{
    prepare_crc();
    PyObject *module = PyModule_Create(&definition);
    PyObject *scanner = PyType_FromSpec(&scanner_spec);
    numbers_type = (PyTypeObject *)PyType_FromSpec(&numbers_spec);
    if (module && scanner && numbers_type && !PyModule_AddObjectRef(module, "Scanner", scanner)
        && !PyModule_AddIntConstant(module, "END", END) && !PyModule_AddIntConstant(module, "UNUSUAL", UNUSUAL)
        && !PyModule_AddIntConstant(module, "BAD_CHECKSUM", BAD_CHECKSUM) && !PyModule_AddIntConstant(module, "LOST", LOST)
        && !PyModule_AddIntConstant(module, "TOO_LONG", TOO_LONG)) {
        Py_DECREF(scanner);
        return module;
    }
    Py_XDECREF(module), Py_XDECREF(scanner);
    return NULL;
}
