// Package model is the stand-in Windows behind its WinRM server: a registry,
// services, installed packages, drivers, accounts, AppX packages, scheduled
// tasks, reboots that are due, and sysprep, as state that operations read and
// change.
//
// It runs no PowerShell. The stand-in recognises an operation of
// internal/guest, and the bootstrap of internal/answerfile, by the exact bytes
// of their scripts and answers from this model what those scripts would bring
// about on Windows. The scripts themselves are tested by a PowerShell engine
// in internal/guest; that both agree is what no test here can prove.
//
// Strict means: where Windows refuses, the model refuses, and the comment says
// who has seen Windows do so.
//
// It builds without Packer's SDK into a static Linux program.
package model
