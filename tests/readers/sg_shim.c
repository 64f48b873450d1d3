/* Stands between a program and the kernel: SG_IO is answered here. Each command block, with the data sent along,
 * becomes a line of the file SG_LOG; data for the program come from the variable SG_ and the operation code. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <scsi/sg.h>

static void hex(FILE *out, const unsigned char *bytes, unsigned length) {
    for (unsigned i = 0; i < length; i++) fprintf(out, "%02x", bytes[i]);
}
int ioctl(int fd, unsigned long request, ...) {
    va_list list;
    va_start(list, request);
    void *argument = va_arg(list, void *);
    va_end(list);
    (void)fd;
    if (request != SG_IO) { errno = ENOTTY; return -1; }
    struct sg_io_hdr *header = argument;
    FILE *log = fopen(getenv("SG_LOG"), "a");
    hex(log, header->cmdp, header->cmd_len);
    fputc(' ', log);
    if (header->dxfer_direction == SG_DXFER_TO_DEV) hex(log, header->dxferp, header->dxfer_len);
    fputc('\n', log);
    fclose(log);
    header->status = header->host_status = header->driver_status = 0;
    header->sb_len_wr = 0;
    header->resid = 0;
    if (header->dxfer_direction == SG_DXFER_FROM_DEV) {
        unsigned char *data = header->dxferp;
        memset(data, 0, header->dxfer_len);
        char name[16];
        snprintf(name, sizeof name, "SG_%02X", header->cmdp[0]);
        const char *told = getenv(name);
        unsigned length = 0;
        for (; told && told[0] && told[1] && length < header->dxfer_len; told += 2, length++) {
            unsigned byte;
            sscanf(told, "%2x", &byte);
            data[length] = (unsigned char)byte;
        }
        header->resid = (int)(header->dxfer_len - length);
    }
    return 0;
}
