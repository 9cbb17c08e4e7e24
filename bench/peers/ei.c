/* The peer `ei`: what a C program does with OTP's erl_interface.
 *
 * decode: every element becomes a node of a tree, its text, bytes, pid or reference in memory of its
 * own (malloc), and the tree is freed. encode: the tree is written by ei_x_encode_*, into a new
 * ei_x_buff each time, or with `reuse` into one that keeps its memory.
 *
 * Speaks over standard input and output as erl/bench_codec.erl does, without `corpus`. */

#include <ei.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum kind { INTEGER, BIG, FLOAT, ATOM, BINARY, STRING, PID, REFERENCE, TUPLE, LIST, MAP };

typedef struct node {
    enum kind kind;
    int size; /* bytes, elements, pairs; for a list without its tail */
    union {
        long long integer;
        double number;
        char *text;
        struct node *inside; /* of a list: the elements, then the tail, an empty LIST if proper */
        erlang_pid *pid;
        erlang_ref *reference;
        erlang_big *big;
    } as;
} node;

static void fail(const char *why)
{
    fprintf(stderr, "ei: %s\n", why);
    exit(1);
}

static void *room(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory)
        fail("no memory");
    return memory;
}

/* ---- decode ---- */

static int decode(const char *bytes, int *at, node *to);

static int decode_inside(const char *bytes, int *at, node *to, int count)
{
    int done;
    to->as.inside = room(sizeof(node) * count);
    for (done = 0; done < count; done++)
        if (decode(bytes, at, &to->as.inside[done]))
            return -1;
    return 0;
}

static int decode(const char *bytes, int *at, node *to)
{
    int type, size;
    long len;
    char atom[MAXATOMLEN_UTF8];

    if (ei_get_type(bytes, at, &type, &size))
        return -1;
    to->size = size;
    switch (type) {
    case ERL_SMALL_INTEGER_EXT:
    case ERL_INTEGER_EXT:
        to->kind = INTEGER;
        return ei_decode_longlong(bytes, at, &to->as.integer);
    case ERL_SMALL_BIG_EXT:
    case ERL_LARGE_BIG_EXT:
        to->kind = INTEGER;
        if (size <= 8 && ei_decode_longlong(bytes, at, &to->as.integer) == 0)
            return 0;
        to->kind = BIG;
        if (!(to->as.big = ei_alloc_big(size)))
            fail("no memory");
        return ei_decode_big(bytes, at, to->as.big);
    case NEW_FLOAT_EXT:
    case ERL_FLOAT_EXT:
        to->kind = FLOAT;
        return ei_decode_double(bytes, at, &to->as.number);
    case ERL_ATOM_EXT: /* ei_get_type gives all kinds of atoms as this one */
        to->kind = ATOM;
        if (ei_decode_atom_as(bytes, at, atom, sizeof atom, ERLANG_UTF8, NULL, NULL))
            return -1;
        to->size = (int)strlen(atom);
        to->as.text = room(to->size + 1);
        memcpy(to->as.text, atom, to->size + 1);
        return 0;
    case ERL_BINARY_EXT:
        to->kind = BINARY;
        to->as.text = room(size);
        return ei_decode_binary(bytes, at, to->as.text, &len);
    case ERL_STRING_EXT:
        to->kind = STRING;
        to->as.text = room(size + 1);
        return ei_decode_string(bytes, at, to->as.text);
    case ERL_PID_EXT:
    case ERL_NEW_PID_EXT:
        to->kind = PID;
        to->as.pid = room(sizeof(erlang_pid));
        return ei_decode_pid(bytes, at, to->as.pid);
    case ERL_NEW_REFERENCE_EXT:
    case ERL_NEWER_REFERENCE_EXT:
        to->kind = REFERENCE;
        to->as.reference = room(sizeof(erlang_ref));
        return ei_decode_ref(bytes, at, to->as.reference);
    case ERL_SMALL_TUPLE_EXT:
    case ERL_LARGE_TUPLE_EXT:
        to->kind = TUPLE;
        if (ei_decode_tuple_header(bytes, at, &to->size))
            return -1;
        return decode_inside(bytes, at, to, to->size);
    case ERL_NIL_EXT:
        to->kind = LIST;
        to->as.inside = NULL;
        return ei_decode_list_header(bytes, at, &to->size);
    case ERL_LIST_EXT:
        to->kind = LIST;
        if (ei_decode_list_header(bytes, at, &to->size))
            return -1;
        return decode_inside(bytes, at, to, to->size + 1);
    case ERL_MAP_EXT:
        to->kind = MAP;
        if (ei_decode_map_header(bytes, at, &to->size))
            return -1;
        return decode_inside(bytes, at, to, to->size * 2);
    default:
        return -1;
    }
}

static void decode_all(const char *bytes, node *to)
{
    int at = 0, version;
    if (ei_decode_version(bytes, &at, &version) || decode(bytes, &at, to))
        fail("does not decode");
}

static int inside(const node *term)
{
    switch (term->kind) {
    case TUPLE: return term->size;
    case LIST: return term->size ? term->size + 1 : 0;
    case MAP: return term->size * 2;
    default: return 0;
    }
}

static void release(node *term)
{
    int at, count;
    switch (term->kind) {
    case INTEGER:
    case FLOAT:
        return;
    case BIG:
        ei_free_big(term->as.big);
        return;
    case TUPLE:
    case LIST:
    case MAP:
        count = inside(term);
        for (at = 0; at < count; at++)
            release(&term->as.inside[at]);
        free(term->as.inside);
        return;
    default:
        free(term->as.text);
    }
}

/* ---- encode ---- */

static int encode(ei_x_buff *out, const node *term)
{
    int at, count = inside(term), done;
    switch (term->kind) {
    case INTEGER: return ei_x_encode_longlong(out, term->as.integer);
    case BIG: return ei_x_encode_big(out, term->as.big);
    case FLOAT: return ei_x_encode_double(out, term->as.number);
    case ATOM: return ei_x_encode_atom_len_as(out, term->as.text, term->size, ERLANG_UTF8, ERLANG_UTF8);
    case BINARY: return ei_x_encode_binary(out, term->as.text, term->size);
    case STRING: return ei_x_encode_string_len(out, term->as.text, term->size);
    case PID: return ei_x_encode_pid(out, term->as.pid);
    case REFERENCE: return ei_x_encode_ref(out, term->as.reference);
    case TUPLE: done = ei_x_encode_tuple_header(out, term->size); break;
    case LIST: done = term->size ? ei_x_encode_list_header(out, term->size) : ei_x_encode_empty_list(out); break;
    default: done = ei_x_encode_map_header(out, term->size); break;
    }
    for (at = 0; at < count && !done; at++)
        done = encode(out, &term->as.inside[at]);
    return done;
}

static void encode_all(ei_x_buff *out, const node *term)
{
    if (encode(out, term))
        fail("does not encode");
}

/* ---- what is in a term: as src/tally.rs ---- */

enum { INTEGERS, FLOATS = 2, ATOMS = 4, BINARIES = 6, PIDS = 8, REFERENCES = 10, TUPLES = 12, LISTS = 14, NILS = 16, MAPS = 17, FIELDS = 19 };

static uint64_t sum(const char *bytes, int size)
{
    uint64_t total = 0;
    while (size-- > 0)
        total += (unsigned char)*bytes++;
    return total;
}

static void count(uint64_t *tally, int field, uint64_t value)
{
    tally[field] += 1;
    tally[field + 1] += value;
}

static void tally_of(const node *term, uint64_t *tally)
{
    int at, elements = inside(term);
    uint64_t low = 0;
    const unsigned char *digits;
    switch (term->kind) {
    case INTEGER: count(tally, INTEGERS, (uint64_t)term->as.integer); break;
    case BIG:
        digits = term->as.big->digits;
        for (at = 0; at < 8 && at < (int)term->as.big->arity; at++)
            low |= (uint64_t)digits[at] << (8 * at);
        count(tally, INTEGERS, term->as.big->is_neg ? 0 - low : low);
        break;
    case FLOAT:
        memcpy(&low, &term->as.number, sizeof low);
        count(tally, FLOATS, low);
        break;
    case ATOM: count(tally, ATOMS, sum(term->as.text, term->size)); break;
    case BINARY: count(tally, BINARIES, sum(term->as.text, term->size)); break;
    case STRING:
        count(tally, LISTS, term->size);
        tally[INTEGERS] += term->size;
        tally[INTEGERS + 1] += sum(term->as.text, term->size);
        break;
    case PID: count(tally, PIDS, (uint64_t)term->as.pid->num + term->as.pid->serial + term->as.pid->creation); break;
    case REFERENCE:
        for (at = 0; at < term->as.reference->len; at++)
            low += term->as.reference->n[at];
        count(tally, REFERENCES, low + term->as.reference->creation);
        break;
    case TUPLE: count(tally, TUPLES, term->size); break;
    case LIST:
        if (term->size) {
            count(tally, LISTS, term->size);
            /* The [] that ends a list is not counted. */
            if (term->as.inside[term->size].kind == LIST && !term->as.inside[term->size].size)
                elements--;
        } else
            tally[NILS] += 1;
        break;
    case MAP: count(tally, MAPS, term->size); break;
    }
    for (at = 0; at < elements; at++)
        tally_of(&term->as.inside[at], tally);
}

/* ---- requests ---- */

typedef struct {
    char name[32];
    char *bytes;
} row;

static row rows[32];
static int loaded;

static row *find(const char *name)
{
    int at;
    for (at = 0; at < loaded; at++)
        if (!strcmp(rows[at].name, name))
            return &rows[at];
    fail("no such row");
    return NULL;
}

static void reply(const char *bytes, uint32_t size)
{
    unsigned char head[4] = {size >> 24, size >> 16, size >> 8, size};
    if (fwrite(head, 1, 4, stdout) != 4 || fwrite(bytes, 1, size, stdout) != size || fflush(stdout))
        fail("cannot write");
}

static void load(char *name, const char *bytes, size_t size)
{
    char text[FIELDS * 21 + 4] = "ok";
    uint64_t tally[FIELDS] = {0};
    node term;
    int at;
    row *to;
    for (at = 0; at < loaded && strcmp(rows[at].name, name); at++)
        ;
    if (at == (int)(sizeof rows / sizeof *rows) || strlen(name) >= sizeof rows[0].name)
        fail("too many rows");
    to = &rows[at];
    if (at == loaded) {
        strcpy(to->name, name);
        loaded++;
    } else
        free(to->bytes);
    to->bytes = room(size);
    memcpy(to->bytes, bytes, size);
    decode_all(to->bytes, &term);
    tally_of(&term, tally);
    release(&term);
    for (at = 0; at < FIELDS; at++)
        sprintf(text + strlen(text), " %llu", (unsigned long long)tally[at]);
    reply(text, strlen(text));
}

static void fresh(ei_x_buff *out)
{
    if (ei_x_new_with_version(out))
        fail("no memory");
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + time.tv_nsec;
}

static void sample(const char *what, const row *of, uint64_t times, int reuse)
{
    char text[32];
    uint64_t start, took;
    node term;
    ei_x_buff out;
    if (!strcmp(what, "decode")) {
        start = now();
        while (times--) {
            decode_all(of->bytes, &term);
            release(&term);
        }
        took = now() - start;
    } else {
        decode_all(of->bytes, &term);
        if (reuse)
            fresh(&out);
        start = now();
        while (times--) {
            if (reuse) {
                out.index = 0;
                if (ei_x_encode_version(&out))
                    fail("does not encode");
            } else
                fresh(&out);
            encode_all(&out, &term);
            if (!reuse)
                ei_x_free(&out);
        }
        took = now() - start;
        if (reuse)
            ei_x_free(&out);
        release(&term);
    }
    sprintf(text, "%llu", (unsigned long long)took);
    reply(text, strlen(text));
}

int main(void)
{
    unsigned char head[4];
    ei_init();
    while (fread(head, 1, 4, stdin) == 4) {
        size_t size = (size_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
        char *request = room(size + 1), what[32], name[32];
        unsigned long long times;
        unsigned int reuse;
        if (fread(request, 1, size, stdin) != size)
            fail("the request is cut off");
        request[size] = 0;
        if (sscanf(request, "%31s %31s", what, name) != 2)
            fail("what is that request?");
        if (!strcmp(what, "load")) {
            size_t skip = strlen("load ") + strlen(name) + 1;
            load(name, request + skip, size - skip);
        } else if (!strcmp(what, "encoded")) {
            node term;
            ei_x_buff out;
            decode_all(find(name)->bytes, &term);
            fresh(&out);
            encode_all(&out, &term);
            reply(out.buff, out.index);
            ei_x_free(&out);
            release(&term);
        } else if (sscanf(request, "%*s %*s %llu %u", &times, &reuse) == 2)
            sample(what, find(name), times, reuse);
        else
            fail("what is that request?");
        free(request);
    }
    return 0;
}
