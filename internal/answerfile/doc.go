// Package answerfile turns typed answers into Windows Setup's answer files:
// Autounattend.xml for the installation, Unattend.xml for sysprep, and the
// parameters and script of the first logon. It writes by encoding/xml, never
// by text templates, and the same answers always give the same bytes.
//
// Nothing here knows Packer or libvirt, and nothing here touches the disk.
package answerfile
