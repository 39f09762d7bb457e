# A Korean Windows Server 2022 becomes a template for machines with a BIOS.
#
#   packer build -var iso_url=SERVER_EVAL_x64FRE_ko-kr.iso \
#                -var drivers_iso_url=virtio-win.iso \
#                -var cloudbase_init=CloudbaseInitSetup_x64.msi .

packer {
  required_plugins {
    wintemplate = {
      source  = "github.com/wintemplate/wintemplate"
      version = ">= 0.1.0"
    }
  }
}

variable "iso_url" {
  description = "The Windows installation ISO: a path or a URL."
  type        = string
}

variable "iso_checksum" {
  description = "The ISO's checksum, such as sha256:…; \"none\" trusts the file as it is."
  type        = string
  default     = "none"
}

variable "edition" {
  description = "The edition by its id; the build's first second tells what the ISO holds."
  type        = string
  default     = "SERVERSTANDARD"
}

variable "drivers_iso_url" {
  description = "The virtio-win ISO: a path or a URL."
  type        = string
}

variable "cloudbase_init" {
  description = "CloudbaseInitSetup_x64.msi: a path or a URL."
  type        = string
}

variable "output_directory" {
  type    = string
  default = "output-windows-server-2022-korean-bios"
}

source "wintemplate-libvirt" "ws2022_korean_bios" {
  iso_url         = var.iso_url
  iso_checksum    = var.iso_checksum
  edition         = var.edition
  drivers_iso_url = var.drivers_iso_url
  payload         = [var.cloudbase_init]

  firmware  = "bios"
  disk_size = "40G"

  # The language must be on the ISO. Keyboard, formats and time zone follow from
  # it unless they are given.
  language     = "ko-KR"
  input_locale = "0412:00000412"
  time_zone    = "Asia/Seoul"

  output_directory = var.output_directory
}

build {
  sources = ["source.wintemplate-libvirt.ws2022_korean_bios"]

  provisioner "wintemplate-guest" {
    drivers {}
    cloudbase_init {
      cloud = "openstack"
    }
  }

  # Your own provisioners stand here: updates, software, hardening.

  provisioner "wintemplate-guest" {
    sysprep {}
  }
}
