// Command standin-init is the first process (PID 1) of the stand-in guest.
package main

import "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/guest"

func main() { guest.Main() }
