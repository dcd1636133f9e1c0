/* A program that uses the library as a canbus module does. Each part is a story that the Rust test plays with it from the other end
 * of the line; a part that fails says where and ends with 1. */
#include "ntcan.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition) check((condition), #condition, __LINE__)
#define EQUAL(got, wanted) equal((long long)(got), (long long)(wanted), #got " == " #wanted, __LINE__)

static void check(int good, const char *what, int line) {
    if (!good) {
        fprintf(stderr, "client.c:%d: not so: %s\n", line, what);
        exit(1);
    }
}

static void equal(long long got, long long wanted, const char *what, int line) {
    if (got != wanted) {
        fprintf(stderr, "client.c:%d: not so: %s; got %lld, wanted %lld\n", line, what, got, wanted);
        exit(1);
    }
}

static double now_s(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double longer(double a, double b) {
    return a > b ? a : b;
}

static void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static NTCAN_HANDLE open_with(uint32_t flags, int32_t tx_queue, int32_t rx_queue, int32_t rx_timeout) {
    NTCAN_HANDLE handle = -1;
    EQUAL(canOpen(0, flags, tx_queue, rx_queue, 5, rx_timeout, &handle), NTCAN_SUCCESS);
    CHECK(handle > 0);
    return handle;
}

/* Opens in the order and with the numbers of Apollo's ESD client. */
static NTCAN_HANDLE open_as_apollo(void) {
    NTCAN_HANDLE handle = open_with(0, NTCAN_MAX_TX_QUEUESIZE, NTCAN_MAX_RX_QUEUESIZE, 5);
    int32_t count = 0x800;
    EQUAL(canIdRegionAdd(handle, 0, &count), NTCAN_SUCCESS);
    EQUAL(count, 0x800);
    EQUAL(canSetBaudrate(handle, NTCAN_BAUD_500), NTCAN_SUCCESS);
    return handle;
}

static CMSG message(int32_t id, uint32_t counter) {
    CMSG message;
    /* Apollo leaves what it does not set as it was. */
    memset(&message, 0xaa, sizeof message);
    message.id = id;
    message.len = 8;
    memset(message.data, 0, 8);
    memcpy(message.data, &counter, 4);
    return message;
}

static uint32_t counter_of(const CMSG *message) {
    uint32_t counter;
    memcpy(&counter, message->data, 4);
    return counter;
}

/* Writes one frame; the first ones may come before the line is there. */
static void write_when_connected(NTCAN_HANDLE handle, CMSG frame) {
    double end = now_s() + 80.0;
    NTCAN_RESULT result;
    do {
        int32_t len = 1;
        result = canWrite(handle, &frame, &len, NULL);
        EQUAL(len, result == NTCAN_SUCCESS ? 1 : 0);
    } while (result == NTCAN_TX_TIMEOUT && now_s() < end);
    EQUAL(result, NTCAN_SUCCESS);
}

/* Reads frames, ten at a time, until `wanted` of them have come, in order and none lost. */
static void read_in_order(NTCAN_HANDLE handle, uint32_t wanted) {
    CMSG frames[10];
    uint32_t next = 0;
    double end = now_s() + 80.0;
    while (next < wanted && now_s() < end) {
        int32_t len = 10;
        NTCAN_RESULT result = canRead(handle, frames, &len, NULL);
        if (result == NTCAN_RX_TIMEOUT) {
            EQUAL(len, 0);
            continue;
        }
        EQUAL(result, NTCAN_SUCCESS);
        CHECK(len >= 1 && len <= 10);
        for (int i = 0; i < len; i++, next++) {
            EQUAL(frames[i].id, 0x65);
            EQUAL(frames[i].len, 8);
            EQUAL(frames[i].msg_lost, 0);
            EQUAL(counter_of(&frames[i]), next);
            if (next % 10 == 0) {
                write_when_connected(handle, message(0x60, next));
            }
        }
    }
    EQUAL(next, wanted);
}

static void apollo(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    read_in_order(handle, 1000);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* Waits until the thread that reads is asleep, and has been for a while: what ends its waiting must not come before it. */
static void until_main_waits(void) {
    char path[64], line[512], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)getpid());
    double end = now_s() + 60.0;
    for (int asleep = 0; asleep < 5; asleep = state == 'S' ? asleep + 1 : 0) {
        sleep_ms(10);
        FILE *file = fopen(path, "r");
        CHECK(file != NULL);
        CHECK(fgets(line, sizeof line, file) != NULL);
        fclose(file);
        state = strrchr(line, ')')[2];
        CHECK(now_s() < end);
    }
}

static void *close_later(void *handle) {
    until_main_waits();
    EQUAL(canClose(*(NTCAN_HANDLE *)handle), NTCAN_SUCCESS);
    return NULL;
}

static void *abort_later(void *handle) {
    until_main_waits();
    EQUAL(canIoctl(*(NTCAN_HANDLE *)handle, NTCAN_IOCTL_ABORT_RX, NULL), NTCAN_SUCCESS);
    return NULL;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void timeouts(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    CMSG frames[10];
    double took_ms[41];
    for (int i = 0; i < 41; i++) {
        int32_t len = 10;
        double begin = now_s();
        EQUAL(canRead(handle, frames, &len, NULL), NTCAN_RX_TIMEOUT);
        took_ms[i] = 1e3 * (now_s() - begin);
        EQUAL(len, 0);
        CHECK(took_ms[i] >= 4.9);
    }
    qsort(took_ms, 41, sizeof took_ms[0], by_size);
    printf("canRead timed out after %.2f ms (median), %.2f ms (longest)\n", took_ms[20], took_ms[40]);
    /* A busy machine wakes a reader late, but not every time. */
    CHECK(took_ms[0] < 10.0);

    int32_t len;
    double shortest_s = 1.0;
    for (int i = 0; i < 41; i++) {
        len = 10;
        double begin = now_s();
        EQUAL(canTake(handle, frames, &len), NTCAN_SUCCESS);
        double took_s = now_s() - begin;
        shortest_s = took_s < shortest_s ? took_s : shortest_s;
        EQUAL(len, 0);
    }
    CHECK(shortest_s < 0.004);

    /* A time-out of 0 waits for ever; closing or aborting from another thread ends it. */
    uint32_t for_ever = 0;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_SET_RX_TIMEOUT, &for_ever), NTCAN_SUCCESS);
    pthread_t thread;
    EQUAL(pthread_create(&thread, NULL, abort_later, &handle), 0);
    len = 10;
    EQUAL(canRead(handle, frames, &len, NULL), NTCAN_OPERATION_ABORTED);
    EQUAL(len, 0);
    EQUAL(pthread_join(thread, NULL), 0);
    EQUAL(pthread_create(&thread, NULL, close_later, &handle), 0);
    len = 10;
    EQUAL(canRead(handle, frames, &len, NULL), NTCAN_HANDLE_FORCED_CLOSE);
    EQUAL(len, 0);
    EQUAL(pthread_join(thread, NULL), 0);
}

/* Nobody at the other end. */
static void nobody(void) {
    NTCAN_HANDLE handle = open_with(0, 4, 4, 5);
    int32_t count = 0x800, len = 1;
    EQUAL(canIdRegionAdd(handle, 0, &count), NTCAN_SUCCESS);
    CMSG frames[8];
    for (int i = 0; i < 8; i++) {
        frames[i] = message(0x60, (uint32_t)i);
    }
    EQUAL(canWrite(handle, frames, &len, NULL), NTCAN_ERROR_NO_BAUDRATE);
    EQUAL(len, 0);
    EQUAL(canSetBaudrate(handle, NTCAN_BAUD_500), NTCAN_SUCCESS);
    for (int i = 0; i < 10; i++) {
        double begin = now_s();
        len = 1;
        EQUAL(canWrite(handle, frames, &len, NULL), NTCAN_TX_TIMEOUT);
        EQUAL(len, 0);
        CHECK(now_s() - begin >= 0.0049 && now_s() - begin < 5.0);
    }
    len = 8;
    EQUAL(canWrite(handle, frames, &len, NULL), NTCAN_TX_TIMEOUT);
    EQUAL(len, 0);
    len = 1;
    EQUAL(canRead(handle, frames, &len, NULL), NTCAN_RX_TIMEOUT);
    EQUAL(len, 0);
    len = 6;
    EQUAL(canSend(handle, frames, &len), NTCAN_CONTR_BUSY);
    EQUAL(len, 4);
    NTCAN_CTRL_STATE state;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_CTRL_STATUS, &state), NTCAN_SUCCESS);
    EQUAL(state.status, 0x80);
    double begin = now_s();
    EQUAL(canClose(handle), NTCAN_SUCCESS);
    CHECK(now_s() - begin < 10.0);
}

/* The other end comes late, goes, and comes again: the line is found each time. */
static void late(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    CMSG frame;
    for (uint32_t visit = 0; visit < 3; visit++) {
        double end = now_s() + 80.0;
        NTCAN_RESULT result;
        do {
            int32_t len = 1;
            result = canRead(handle, &frame, &len, NULL);
            EQUAL(len, result == NTCAN_SUCCESS ? 1 : 0);
        } while (result == NTCAN_RX_TIMEOUT && now_s() < end);
        EQUAL(result, NTCAN_SUCCESS);
        EQUAL(counter_of(&frame), visit);
        write_when_connected(handle, message(0x60, visit));
    }
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* The other end sends 0x61, 0x65, 0x63, 0x20000065 and a remote request 0x65, each time we ask. */
static int ask(NTCAN_HANDLE handle, CMSG *frames) {
    NTCAN_BUS_STATISTIC counters, before;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, &before), NTCAN_SUCCESS);
    write_when_connected(handle, message(0x60, 0));
    double end = now_s() + 80.0;
    do {
        EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, &counters), NTCAN_SUCCESS);
        CHECK(now_s() < end);
    } while (counters.received[1] == before.received[1]); /* the remote request is the last */
    sleep_ms(20);
    int32_t len = 10;
    EQUAL(canTake(handle, frames, &len), NTCAN_SUCCESS);
    return len;
}

static void filter(void) {
    NTCAN_HANDLE handle = open_with(0, 16, 16, 5);
    CMSG frames[10];
    int32_t len = 10, count = 3;
    EQUAL(canRead(handle, frames, &len, NULL), NTCAN_NO_ID_ENABLED);
    EQUAL(len, 0);
    EQUAL(canSetBaudrate(handle, NTCAN_BAUD_500), NTCAN_SUCCESS);
    EQUAL(ask(handle, frames), 0);

    EQUAL(canIdAdd(handle, 0x65), NTCAN_SUCCESS);
    EQUAL(canIdAdd(handle, 0x65), NTCAN_ID_ALREADY_ENABLED);
    EQUAL(ask(handle, frames), 2);
    CHECK(frames[0].id == 0x65 && frames[0].len == 8 && frames[1].id == 0x65 && frames[1].len == (NTCAN_RTR | 2));

    EQUAL(canIdRegionAdd(handle, 0x61, &count), NTCAN_SUCCESS);
    EQUAL(canIdDelete(handle, 0x65), NTCAN_SUCCESS);
    EQUAL(canIdDelete(handle, 0x65), NTCAN_ID_NOT_ENABLED);
    EQUAL(ask(handle, frames), 2);
    CHECK(frames[0].id == 0x61 && frames[1].id == 0x63);

    EQUAL(canIdRegionDelete(handle, 0x61, &count), NTCAN_SUCCESS);
    count = 0x1ffffffe;
    EQUAL(canIdRegionAdd(handle, NTCAN_20B_BASE, &count), NTCAN_SUCCESS);
    EQUAL(ask(handle, frames), 1);
    CHECK(frames[0].id == (NTCAN_20B_BASE | 0x65) && frames[0].len == 1 && frames[0].data[0] == 0x42);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* The other end sends 100, then 400 frames, faster than anybody reads. */
static void lost(void) {
    NTCAN_HANDLE handle = open_with(0, 8, 8, 5);
    int32_t count = 0x800;
    EQUAL(canIdRegionAdd(handle, 0, &count), NTCAN_SUCCESS);
    EQUAL(canSetBaudrate(handle, NTCAN_BAUD_500), NTCAN_SUCCESS);
    uint32_t sent = 0;
    for (int round = 0; round < 2; round++) {
        uint32_t burst = round == 0 ? 100 : 400;
        write_when_connected(handle, message(0x60, burst));
        NTCAN_BUS_STATISTIC counters;
        double end = now_s() + 80.0;
        do {
            EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, &counters), NTCAN_SUCCESS);
            CHECK(now_s() < end);
        } while (counters.received[0] < sent + burst);
        sleep_ms(20);
        sent += burst;
        CMSG frames[10];
        int32_t len = 10;
        EQUAL(canRead(handle, frames, &len, NULL), NTCAN_SUCCESS);
        EQUAL(len, 8);
        EQUAL(frames[0].msg_lost, burst == 100 ? 92 : 255);
        for (int i = 0; i < 8; i++) {
            EQUAL(counter_of(&frames[i]), burst - 8 + (uint32_t)i);
            CHECK(i == 0 || frames[i].msg_lost == 0);
        }
    }
    NTCAN_BUS_STATISTIC counters;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, &counters), NTCAN_SUCCESS);
    EQUAL(counters.fifo_ovr, 92 + 392);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* What a careless program calls. */
static void careless(void) {
    NTCAN_HANDLE handle = open_as_apollo(), other;
    CMSG frame = message(0x60, 0);
    char text[60];
    uint32_t number;
    int32_t len, bad_handles[] = {0, -1, handle + 1, 0x7fffffff, (int32_t)0x80000000};
    for (int i = 0; i < 5; i++) {
        other = bad_handles[i];
        len = 1;
        EQUAL(canRead(other, &frame, &len, NULL), NTCAN_INVALID_HANDLE);
        EQUAL(len, 0);
        len = 1;
        EQUAL(canWrite(other, &frame, &len, NULL), NTCAN_INVALID_HANDLE);
        EQUAL(len, 0);
        len = 1;
        EQUAL(canTake(other, &frame, &len), NTCAN_INVALID_HANDLE);
        len = 1;
        EQUAL(canSend(other, &frame, &len), NTCAN_INVALID_HANDLE);
        EQUAL(canClose(other), NTCAN_INVALID_HANDLE);
        EQUAL(canIdAdd(other, 1), NTCAN_INVALID_HANDLE);
        EQUAL(canIdDelete(other, 1), NTCAN_INVALID_HANDLE);
        len = 1;
        EQUAL(canIdRegionAdd(other, 1, &len), NTCAN_INVALID_HANDLE);
        EQUAL(canSetBaudrate(other, 2), NTCAN_INVALID_HANDLE);
        EQUAL(canGetBaudrate(other, &number), NTCAN_INVALID_HANDLE);
        EQUAL(canIoctl(other, NTCAN_IOCTL_GET_RX_MSG_COUNT, &number), NTCAN_INVALID_HANDLE);
        CAN_IF_STATUS status;
        EQUAL(canStatus(other, &status), NTCAN_INVALID_HANDLE);
    }
    len = 1;
    EQUAL(canOpen(0, 0, 1, 1, 5, 5, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canOpen(1, 0, 1, 1, 5, 5, &other), NTCAN_NET_NOT_FOUND);
    EQUAL(canOpen(0, 0x10000000, 1, 1, 5, 5, &other), NTCAN_NOT_SUPPORTED);
    EQUAL(canRead(handle, NULL, &len, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canRead(handle, &frame, NULL, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canWrite(handle, NULL, &len, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canWrite(handle, &frame, NULL, NULL), NTCAN_INVALID_PARAMETER);
    int32_t bad_lengths[] = {0, -1, (int32_t)0x80000000};
    for (int i = 0; i < 3; i++) {
        len = bad_lengths[i];
        EQUAL(canRead(handle, &frame, &len, NULL), NTCAN_INVALID_PARAMETER);
        EQUAL(len, 0);
        len = bad_lengths[i];
        EQUAL(canWrite(handle, &frame, &len, NULL), NTCAN_INVALID_PARAMETER);
    }
    int32_t bad_ids[] = {-1, 0x800, 0x40000000, (int32_t)0x80000000};
    for (int i = 0; i < 4; i++) {
        frame.id = bad_ids[i];
        len = 1;
        EQUAL(canWrite(handle, &frame, &len, NULL), NTCAN_INVALID_PARAMETER);
        EQUAL(len, 0);
    }
    EQUAL(canIdRegionAdd(handle, 0, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canGetBaudrate(handle, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canStatus(handle, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, NULL), NTCAN_INVALID_PARAMETER);
    EQUAL(canIoctl(handle, 0x1234, NULL), NTCAN_NOT_IMPLEMENTED);
    EQUAL(canSetBaudrate(handle, 3), NTCAN_INVALID_PARAMETER);
    EQUAL(canGetBaudrate(handle, &number), NTCAN_SUCCESS);
    EQUAL(number, NTCAN_BAUD_500);

    EQUAL(canFormatError(NTCAN_RX_TIMEOUT, 1, text, sizeof text - 1), NTCAN_SUCCESS);
    CHECK(strcmp(text, "NTCAN_RX_TIMEOUT") == 0);
    EQUAL(canFormatError(NTCAN_TX_TIMEOUT, 0, text, sizeof text - 1), NTCAN_SUCCESS);
    CHECK(strstr(text, "Skidpad") != NULL);
    memset(text, 'x', sizeof text);
    EQUAL(canFormatError(NTCAN_RX_TIMEOUT, 1, text, 6), NTCAN_SUCCESS);
    CHECK(memcmp(text, "NTCAN\0x", 7) == 0);
    EQUAL(canFormatError(0x7777, 0, text, sizeof text), NTCAN_INVALID_PARAMETER);
    EQUAL(canFormatError(0, 0, NULL, 10), NTCAN_INVALID_PARAMETER);
    EQUAL(canFormatError(0, 0, text, 0), NTCAN_INVALID_PARAMETER);

    CAN_IF_STATUS status;
    EQUAL(canStatus(handle, &status), NTCAN_SUCCESS);
    EQUAL(status.boardstatus, 0);
    CHECK(strcmp((char *)status.boardid, "SKIDPAD") == 0);
    NTCAN_BITRATE rate;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BITRATE_DETAILS, &rate), NTCAN_SUCCESS);
    CHECK(rate.baud == NTCAN_BAUD_500 && rate.valid == NTCAN_SUCCESS && rate.rate == 500000);
    EQUAL(canSetBaudrate(handle, NTCAN_BAUD_500 | NTCAN_LISTEN_ONLY_MODE), NTCAN_SUCCESS);
    frame = message(0x60, 0);
    len = 1;
    EQUAL(canWrite(handle, &frame, &len, NULL), NTCAN_ERROR_LOM);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
    EQUAL(canClose(handle), NTCAN_INVALID_HANDLE);

    /* Handles are not for ever many, and all come back. */
    NTCAN_HANDLE handles[255];
    for (int i = 0; i < 255; i++) {
        handles[i] = open_with(0, 1, 1, 5);
    }
    EQUAL(canOpen(0, 0, 1, 1, 5, 5, &other), ENOMEM);
    for (int i = 0; i < 255; i++) {
        EQUAL(canClose(handles[i]), NTCAN_SUCCESS);
    }
}

enum { WRITERS = 3, FRAMES_EACH = 2000 };

static void *write_many(void *handle) {
    for (uint32_t i = 0; i < FRAMES_EACH; i++) {
        write_when_connected(*(NTCAN_HANDLE *)handle, message(0x60, i));
    }
    return NULL;
}

/* Several threads write on a handle while one reads; the other end sends everything back. */
static void threads(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    pthread_t writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        EQUAL(pthread_create(&writers[i], NULL, write_many, &handle), 0);
    }
    CMSG_T frames[10];
    int read = 0;
    uint64_t last = 0;
    double end = now_s() + 60.0;
    while (read < WRITERS * FRAMES_EACH && now_s() < end) {
        int32_t len = 10;
        NTCAN_RESULT result = canReadT(handle, frames, &len, NULL);
        CHECK(result == NTCAN_SUCCESS || result == NTCAN_RX_TIMEOUT);
        for (int i = 0; i < len; i++) {
            EQUAL(frames[i].message.id, 0x60);
            EQUAL(frames[i].message.msg_lost, 0);
            CHECK(frames[i].timestamp >= last);
            last = frames[i].timestamp;
        }
        read += len;
    }
    EQUAL(read, WRITERS * FRAMES_EACH);
    for (int i = 0; i < WRITERS; i++) {
        EQUAL(pthread_join(writers[i], NULL), 0);
    }
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* Handles of one net hear each other, as two programs on one card do. */
static void neighbours(void) {
    NTCAN_HANDLE sender = open_as_apollo();
    NTCAN_HANDLE plain = open_with(0, 8, 8, 500);
    NTCAN_HANDLE marking = open_with(NTCAN_MODE_MARK_INTERACTION, 8, 8, 500);
    NTCAN_HANDLE deaf = open_with(NTCAN_MODE_NO_INTERACTION, 8, 8, 50);
    NTCAN_HANDLE echoing = open_with(NTCAN_MODE_LOCAL_ECHO, 8, 8, 500);
    NTCAN_HANDLE all[] = {plain, marking, deaf, echoing};
    uint32_t baud = 0;
    EQUAL(canGetBaudrate(plain, &baud), NTCAN_SUCCESS);
    EQUAL(baud, NTCAN_BAUD_500);
    for (int i = 0; i < 4; i++) {
        EQUAL(canIdAdd(all[i], 0x60), NTCAN_SUCCESS);
        EQUAL(canIdAdd(all[i], 0x62), NTCAN_SUCCESS);
    }
    write_when_connected(sender, message(0x60, 7));
    CMSG frame;
    int32_t len = 1;
    EQUAL(canRead(plain, &frame, &len, NULL), NTCAN_SUCCESS);
    EQUAL(frame.len, 8);
    EQUAL(counter_of(&frame), 7);
    len = 1;
    EQUAL(canRead(marking, &frame, &len, NULL), NTCAN_SUCCESS);
    EQUAL(frame.len, 8 | NTCAN_INTERACTION);
    len = 1;
    EQUAL(canRead(deaf, &frame, &len, NULL), NTCAN_RX_TIMEOUT);
    len = 1;
    EQUAL(canRead(sender, &frame, &len, NULL), NTCAN_RX_TIMEOUT);
    len = 1;
    EQUAL(canRead(echoing, &frame, &len, NULL), NTCAN_SUCCESS);
    write_when_connected(echoing, message(0x62, 8));
    len = 1;
    EQUAL(canRead(echoing, &frame, &len, NULL), NTCAN_SUCCESS);
    EQUAL(frame.id, 0x62);
    for (int i = 0; i < 4; i++) {
        EQUAL(canClose(all[i]), NTCAN_SUCCESS);
    }
    EQUAL(canClose(sender), NTCAN_SUCCESS);
}

/* The other end takes the call and never reads. */
static void stuck(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    CMSG frames[1000];
    int timed_out = 0;
    double end = now_s() + 80.0;
    for (int i = 0; i < 1000; i++) {
        frames[i] = message(0x60, (uint32_t)i);
    }
    while (timed_out < 20 && now_s() < end) {
        int32_t len = 1000;
        double begin = now_s();
        NTCAN_RESULT result = canWrite(handle, frames, &len, NULL);
        CHECK(now_s() - begin < 5.0);
        CHECK(result == NTCAN_TX_TIMEOUT || result == NTCAN_SUCCESS);
        CHECK(result == NTCAN_SUCCESS || len < 1000);
        timed_out = result == NTCAN_TX_TIMEOUT && len == 0 ? timed_out + 1 : 0;
    }
    EQUAL(timed_out, 20);
    int32_t len = 1;
    EQUAL(canRead(handle, frames, &len, NULL), NTCAN_RX_TIMEOUT);
    double begin = now_s();
    EQUAL(canClose(handle), NTCAN_SUCCESS);
    CHECK(now_s() - begin < 10.0);
}

/* The other end sends noise and then, after a carriage return, the frame 0x123. */
static void noise(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    CMSG frames[10];
    double end = now_s() + 80.0;
    int found = 0;
    while (!found && now_s() < end) {
        int32_t len = 10;
        NTCAN_RESULT result = canRead(handle, frames, &len, NULL);
        CHECK(result == NTCAN_SUCCESS || result == NTCAN_RX_TIMEOUT);
        for (int i = 0; i < len; i++) {
            CHECK(frames[i].id >= 0 && frames[i].id <= 0x7ff && (frames[i].len & 0xf) <= 8);
            found |= frames[i].id == 0x123 && frames[i].data[7] == 0x99;
        }
    }
    CHECK(found);
    NTCAN_BUS_STATISTIC counters;
    EQUAL(canIoctl(handle, NTCAN_IOCTL_GET_BUS_STATISTIC, &counters), NTCAN_SUCCESS);
    CHECK(counters.err_frames > 1000);
    printf("%u bad lines, %u frames among them\n", counters.err_frames, counters.received[0]);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
}

/* What the drive knows of the car; the receiving thread writes, the sending thread reads. */
static struct {
    pthread_mutex_t lock;
    int seen, stop;
    unsigned enabled; /* one bit each of brake, throttle and steering */
    double speed_mps, top_mps;
    double late_s; /* the longest that the machine has held either thread up */
    int lost;
} car = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void send_command(NTCAN_HANDLE handle, int32_t id, const uint8_t *data) {
    CMSG command = message(id, 0);
    memcpy(command.data, data, 8);
    int32_t len = 1;
    NTCAN_RESULT result = canWrite(handle, &command, &len, NULL);
    /* At the end the car goes away. */
    CHECK(result == NTCAN_SUCCESS || result == NTCAN_TX_TIMEOUT);
}

/* Sends the by-wire commands every 20 ms: enables, drives to 5 m/s, brakes. */
static void *command(void *handle) {
    double begin = now_s();
    for (int tick = 1;; tick++) {
        pthread_mutex_lock(&car.lock);
        car.late_s = longer(car.late_s, now_s() - (begin + 0.02 * (tick - 1)));
        int stop = car.stop, braking = car.top_mps >= 5.0;
        pthread_mutex_unlock(&car.lock);
        if (stop) {
            return NULL;
        }
        uint8_t on = now_s() - begin > 0.5;
        unsigned throttle = on && !braking ? 65535 * 35 / 100 : 0, brake = on && braking ? 65535 * 30 / 100 : 0;
        uint8_t brakes[8] = {(uint8_t)brake, (uint8_t)(brake >> 8), brake > 0, on};
        uint8_t throttles[8] = {(uint8_t)throttle, (uint8_t)(throttle >> 8), 0, on};
        uint8_t steering[8] = {0, 0, on, 0};
        uint8_t gear[8] = {4};
        send_command(*(NTCAN_HANDLE *)handle, 0x60, brakes);
        send_command(*(NTCAN_HANDLE *)handle, 0x62, throttles);
        send_command(*(NTCAN_HANDLE *)handle, 0x64, steering);
        send_command(*(NTCAN_HANDLE *)handle, 0x66, gear);
        double left = begin + 0.02 * tick - now_s();
        if (left > 0) {
            sleep_ms((long)(1e3 * left));
        }
    }
}

/* Drives the simulated car as a canbus does: one thread sends, one receives, until the car has been silent for half a second. */
static void drive(void) {
    NTCAN_HANDLE handle = open_as_apollo();
    pthread_t sender;
    EQUAL(pthread_create(&sender, NULL, command, &handle), 0);
    double last = now_s(), looked = last;
    while (now_s() - last < (car.seen ? 0.5 : 80.0)) {
        CMSG frames[10];
        int32_t len = 10;
        NTCAN_RESULT result = canRead(handle, frames, &len, NULL);
        CHECK(result == NTCAN_SUCCESS || result == NTCAN_RX_TIMEOUT);
        pthread_mutex_lock(&car.lock);
        car.late_s = longer(car.late_s, now_s() - looked);
        looked = now_s();
        for (int i = 0; i < len; i++) {
            car.lost += frames[i].msg_lost;
            last = now_s();
            car.seen++;
            unsigned unit = frames[i].id == 0x61 ? 1 : frames[i].id == 0x63 ? 2 : frames[i].id == 0x65 ? 4 : 0;
            car.enabled |= frames[i].data[7] & 1 ? unit : 0;
            if (frames[i].id == 0x65) {
                /* 0.01 km/h */
                car.speed_mps = (frames[i].data[4] | frames[i].data[5] << 8) / 360.0;
                car.top_mps = car.speed_mps > car.top_mps ? car.speed_mps : car.top_mps;
            }
        }
        pthread_mutex_unlock(&car.lock);
    }
    pthread_mutex_lock(&car.lock);
    car.stop = 1;
    pthread_mutex_unlock(&car.lock);
    EQUAL(pthread_join(sender, NULL), 0);
    EQUAL(canClose(handle), NTCAN_SUCCESS);
    printf("%d frames, units %u, top %.2f m/s, last %.2f m/s\n", car.seen, car.enabled, car.top_mps, car.speed_mps);
    if (car.late_s > 0.1) {
        printf("the machine is too slow: it has held this program up for %.3f s\n", car.late_s);
        return;
    }
    EQUAL(car.lost, 0);
    EQUAL(car.enabled, 7);
    CHECK(car.top_mps >= 5.0 && car.top_mps < 5.6);
    CHECK(car.speed_mps < 0.02);
}

static long entries(const char *folder) {
    DIR *opened = opendir(folder);
    CHECK(opened != NULL);
    long count = 0;
    while (readdir(opened) != NULL) {
        count++;
    }
    closedir(opened);
    return count;
}

static long resident_kib(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL);
    EQUAL(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

/* Opens, talks to an echoing end and closes, for some seconds: memory, descriptors and threads stay what they were. */
static void soak(double seconds) {
    long kib = 0, descriptors = 0, threads = 0, rounds = 0, frames_read = 0;
    double end = now_s() + seconds;
    for (; now_s() < end || rounds < 60; rounds++) {
        if (rounds == 50) {
            kib = resident_kib(), descriptors = entries("/proc/self/fd"), threads = entries("/proc/self/task");
        }
        NTCAN_HANDLE handle = open_as_apollo();
        for (uint32_t i = 0; i < 20; i++) {
            CMSG frame;
            int32_t len = 1;
            write_when_connected(handle, message(0x60, i));
            if (canRead(handle, &frame, &len, NULL) == NTCAN_SUCCESS) {
                frames_read++;
            }
        }
        EQUAL(canClose(handle), NTCAN_SUCCESS);
    }
    long grown_kib = resident_kib() - kib;
    printf("%ld rounds, %ld frames read back, resident memory %+ld KiB\n", rounds, frames_read, grown_kib);
    CHECK(frames_read > rounds);
    CHECK(grown_kib < 1024);
    EQUAL(entries("/proc/self/fd"), descriptors);
    EQUAL(entries("/proc/self/task"), threads);
}

int main(int count, char **words) {
    const char *part = count > 1 ? words[1] : "";
    struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"apollo", apollo},         {"timeouts", timeouts}, {"nobody", nobody}, {"late", late},   {"filter", filter}, {"lost", lost},
                 {"careless", careless},     {"threads", threads},   {"stuck", stuck},   {"noise", noise}, {"neighbours", neighbours}, {"drive", drive}};
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(part, parts[i].name) == 0) {
            parts[i].run();
            return 0;
        }
    }
    if (strcmp(part, "soak") == 0 && count > 2) {
        soak(atof(words[2]));
        return 0;
    }
    fprintf(stderr, "no such part: %s\n", part);
    return 2;
}
