# shellcheck shell=bash
# Functions shared by the scripts that build or boot guests. Source this file; it runs nothing by itself.

# die MESSAGE...: print one line on stderr and exit with status 1.
die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# need COMMAND...: stop unless every command exists. On Debian, mke2fs and others are not in a user's PATH.
need() {
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    local command
    for command; do
        command -v "$command" >/dev/null || die "$command: not found (run 'make setup')"
    done
}

# newest_kernel: print the version of the newest kernel in /boot that has its modules installed.
newest_kernel() {
    local image versions=()
    for image in /boot/vmlinuz-*; do
        [[ -r $image && -d /lib/modules/${image#/boot/vmlinuz-}/kernel ]] && versions+=("${image#/boot/vmlinuz-}")
    done
    ((${#versions[@]})) || die "no readable kernel with modules in /boot (Debian: install linux-image-amd64)"
    printf '%s\n' "${versions[@]}" | sort -V | tail -n 1
}

# accelerator: print kvm or tcg. Even if /dev/kvm can be opened, it may kill qemu or hang its guest, so a kernel
# without a root filesystem is booted under KVM first: if KVM works, it panics and exits within two seconds.
# BMAP_ACCEL=kvm or BMAP_ACCEL=tcg overrides this; so does force_tcg in LIBGUESTFS_BACKEND_SETTINGS.
accelerator() {
    if [[ -z ${BMAP_ACCEL:-} ]]; then
        if [[ ${LIBGUESTFS_BACKEND_SETTINGS:-} == *force_tcg* ]]; then
            BMAP_ACCEL=tcg
        elif [[ -r /dev/kvm && -w /dev/kvm ]] &&
            timeout -k 1 10 qemu-system-x86_64 -accel kvm -cpu max -m 256 -nodefaults -display none -no-reboot \
                -serial stdio -kernel "/boot/vmlinuz-$(newest_kernel)" -append 'console=ttyS0 panic=-1' \
                </dev/null 2>/dev/null | grep -a 'Kernel panic' >/dev/null; then
            BMAP_ACCEL=kvm
        else
            BMAP_ACCEL=tcg
        fi
        export BMAP_ACCEL
    fi
    echo "$BMAP_ACCEL"
}

# guestfish_run ARGUMENT...: run guestfish, without KVM if KVM does not work.
guestfish_run() {
    if [[ $(accelerator) == tcg && -z ${LIBGUESTFS_BACKEND_SETTINGS:-} ]]; then
        LIBGUESTFS_BACKEND_SETTINGS=force_tcg guestfish "$@"
    else
        guestfish "$@"
    fi
}

# fill_files: for each line "SIZE<tab>PATH" on stdin, write a file of that size. Every 64-byte line in it gives the
# file and the number of the line, so that no two blocks of a guest are alike.
fill_files() {
    LC_ALL=C awk -F '\t' '
        function line(n) { return sprintf("%-50.50s %012d\n", name, n) }
        {
            size = $1; path = $2; name = path
            if (length(name) > 50) name = substr(name, length(name) - 49)
            printf "" > path
            for (n = 0; (n + 1) * 64 <= size; n++) printf "%s", line(n) > path
            if (n * 64 < size) printf "%s", substr(line(n), 1, size - n * 64) > path
            close(path)
        }'
}
