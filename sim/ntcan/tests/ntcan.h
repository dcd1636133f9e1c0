/* The part of the NTCAN interface that the tests call, written from its description: numbers for Linux, packed structures. */
#ifndef SKIDPAD_TEST_NTCAN_H
#define SKIDPAD_TEST_NTCAN_H

#include <errno.h>
#include <stdint.h>

typedef int32_t NTCAN_HANDLE;
typedef int32_t NTCAN_RESULT;

enum {
    NTCAN_SUCCESS = 0,
    NTCAN_OPERATION_ABORTED = EINTR,
    NTCAN_NET_NOT_FOUND = ENODEV,
    NTCAN_INVALID_PARAMETER = EINVAL,
    NTCAN_NOT_IMPLEMENTED = ENOSYS,
    NTCAN_INVALID_HANDLE = EBADFD,
    NTCAN_RX_TIMEOUT = 0x101,
    NTCAN_TX_TIMEOUT = 0x102,
    NTCAN_CONTR_BUSY = 0x106,
    NTCAN_NO_ID_ENABLED = 0x109,
    NTCAN_ID_ALREADY_ENABLED = 0x10a,
    NTCAN_ID_NOT_ENABLED = 0x10b,
    NTCAN_HANDLE_FORCED_CLOSE = 0x114,
    NTCAN_NOT_SUPPORTED = 0x115,
    NTCAN_ERROR_NO_BAUDRATE = 0x117,
    NTCAN_ERROR_LOM = 0x118
};

enum { NTCAN_RTR = 0x10, NTCAN_INTERACTION = 0x20, NTCAN_20B_BASE = 0x20000000 };
enum { NTCAN_BAUD_500 = 2, NTCAN_LISTEN_ONLY_MODE = 0x40000000, NTCAN_NO_BAUDRATE = 0x7fffffff };
enum { NTCAN_MODE_NO_INTERACTION = 0x100, NTCAN_MODE_MARK_INTERACTION = 0x200, NTCAN_MODE_LOCAL_ECHO = 0x400 };
enum { NTCAN_MAX_TX_QUEUESIZE = 2047, NTCAN_MAX_RX_QUEUESIZE = 2047 };
enum {
    NTCAN_IOCTL_FLUSH_RX_FIFO = 0x01,
    NTCAN_IOCTL_GET_RX_MSG_COUNT = 0x02,
    NTCAN_IOCTL_GET_RX_TIMEOUT = 0x03,
    NTCAN_IOCTL_GET_TIMESTAMP_FREQ = 0x07,
    NTCAN_IOCTL_ABORT_RX = 0x09,
    NTCAN_IOCTL_SET_RX_TIMEOUT = 0x0b,
    NTCAN_IOCTL_GET_BUS_STATISTIC = 0x18,
    NTCAN_IOCTL_GET_CTRL_STATUS = 0x19,
    NTCAN_IOCTL_GET_BITRATE_DETAILS = 0x1a
};

#pragma pack(push, 1)
typedef struct {
    int32_t id;
    uint8_t len;
    uint8_t msg_lost;
    uint8_t reserved[2];
    uint8_t data[8];
} CMSG;

typedef struct {
    CMSG message;
    uint64_t timestamp;
} CMSG_T;

typedef struct {
    uint16_t hardware, firmware, driver, dll;
    uint32_t boardstatus;
    uint8_t boardid[14];
    uint16_t features;
} CAN_IF_STATUS;

typedef struct {
    uint64_t timestamp;
    uint32_t received[4], sent[4]; /* data and remote of 11 bits, data and remote of 29 bits */
    uint32_t ctrl_ovr, fifo_ovr, err_frames, rcv_byte_count, xmit_byte_count, aborted_frames, reserved[2];
    uint64_t bit_count;
} NTCAN_BUS_STATISTIC;

typedef struct {
    uint8_t rcv_err_counter, xmit_err_counter, status, type;
} NTCAN_CTRL_STATE;

typedef struct {
    uint32_t baud, valid, rate, clock;
    uint8_t ctrl_type, tq_pre_sp, tq_post_sp, sjw;
    uint32_t error, flags, reserved[3];
} NTCAN_BITRATE;
#pragma pack(pop)

NTCAN_RESULT canOpen(int32_t net, uint32_t flags, int32_t tx_queue, int32_t rx_queue, int32_t tx_timeout, int32_t rx_timeout,
                     NTCAN_HANDLE *handle);
NTCAN_RESULT canClose(NTCAN_HANDLE handle);
NTCAN_RESULT canIdAdd(NTCAN_HANDLE handle, int32_t id);
NTCAN_RESULT canIdDelete(NTCAN_HANDLE handle, int32_t id);
NTCAN_RESULT canIdRegionAdd(NTCAN_HANDLE handle, int32_t first, int32_t *count);
NTCAN_RESULT canIdRegionDelete(NTCAN_HANDLE handle, int32_t first, int32_t *count);
NTCAN_RESULT canSetBaudrate(NTCAN_HANDLE handle, uint32_t baud);
NTCAN_RESULT canGetBaudrate(NTCAN_HANDLE handle, uint32_t *baud);
NTCAN_RESULT canRead(NTCAN_HANDLE handle, CMSG *messages, int32_t *len, void *overlapped);
NTCAN_RESULT canReadT(NTCAN_HANDLE handle, CMSG_T *messages, int32_t *len, void *overlapped);
NTCAN_RESULT canTake(NTCAN_HANDLE handle, CMSG *messages, int32_t *len);
NTCAN_RESULT canTakeT(NTCAN_HANDLE handle, CMSG_T *messages, int32_t *len);
NTCAN_RESULT canWrite(NTCAN_HANDLE handle, CMSG *messages, int32_t *len, void *overlapped);
NTCAN_RESULT canSend(NTCAN_HANDLE handle, CMSG *messages, int32_t *len);
NTCAN_RESULT canStatus(NTCAN_HANDLE handle, CAN_IF_STATUS *status);
NTCAN_RESULT canFormatError(NTCAN_RESULT error, uint32_t type, char *text, uint32_t size);
NTCAN_RESULT canIoctl(NTCAN_HANDLE handle, uint32_t command, void *argument);

#endif
