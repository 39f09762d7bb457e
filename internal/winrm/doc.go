// Package winrm talks WinRM (WS-Management with Windows Remote Shell, MS-WSMV)
// to the guest of a build, over HTTPS with that build's own certificate pinned.
//
// It has two faces over one HTTP exchange:
//
//   - [Decorator] gives github.com/masterzen/winrm, and so Packer's own
//     communicator, a transport that is pinned, has time-outs and does not
//     lose faults. The library's own transport returns HTTP 500 answers as if
//     they were good ones (its Post changes an unnamed result in a deferred
//     call), which ends in an endless loop after a reboot and in uploads that
//     report success with no file there.
//   - [Client] runs a process with stdin, stdout and stderr, and sends files,
//     without the library: its Send loop drops write errors and its Command
//     asks for console mode, in which Windows' stdin is not a byte stream.
//
// Nothing here retries a request: only the caller knows what is idempotent.
// [IsTransient] says which errors a waiting caller may look past.
package winrm
