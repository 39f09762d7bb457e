package guest

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// diagnosis is COM2, the stand-in's own port: Windows has no such thing, and
// the machines that the plugin defines have none. Tests that start the guest
// by themselves read there which screen it shows.
var diagnosis struct {
	sync.Mutex
	file  *os.File
	tried bool
}

var started = time.Now()

// logf writes a line to COM2, when there is one.
func logf(format string, args ...any) {
	diagnosis.Lock()
	defer diagnosis.Unlock()
	if !diagnosis.tried {
		diagnosis.tried = true
		diagnosis.file = openUART("/dev/ttyS1", "COM2", unix.O_RDWR)
	}
	if diagnosis.file != nil {
		fmt.Fprintf(diagnosis.file, "%6.2f "+format+"\r\n", append([]any{time.Since(started).Seconds()}, args...)...)
	}
}

// diagnosisPort is COM2 once something was logged, nil when there is none.
func diagnosisPort() *os.File {
	diagnosis.Lock()
	defer diagnosis.Unlock()
	return diagnosis.file
}

// logKernel copies the kernel's messages to COM2.
func logKernel() {
	const readAll = 3 // SYSLOG_ACTION_READ_ALL
	buffer := make([]byte, 1<<17)
	if n, err := unix.Klogctl(readAll, buffer); err == nil {
		logf("kernel messages:\n%s", buffer[:n])
	}
}
