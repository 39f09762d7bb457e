@echo off
rem Installs Windows from Windows PE without setup.exe, for install_method = "apply".
rem Experimental: not yet run on real installation media.
rem
rem Every step's exit code goes to COM1. Nothing falls through: when a step fails,
rem or the machine is not what the answers say, it reports and halts, since the
rem next thing would be to wipe a disk.
rem
rem On a machine that starts its CD first, every restart comes through here until
rem the CD is gone. Our marker on the disk says that Windows is there already:
rem then the firmware is sent to the disk. An answer file's own commands could not
rem look for it, since Setup runs them before it loads drivers
rem (unattend-generator#52): this script loads them itself.
setlocal EnableExtensions
set "DISC=%~d0"
set "HERE=%~dp0"
set "MARKER=ProgramData\wintemplate\applied.txt"

call :beacon start apply
call "%HERE%apply-answers.cmd"
if not defined BUILD_ID call :halt apply-answers.cmd holds no answers

rem The kind of firmware, as Windows PE sees it: 1 BIOS, 2 UEFI.
set "RUN=wpeutil.exe UpdateBootInfo"
call :step wpeutil UpdateBootInfo
set "FOUND="
for /f "tokens=3" %%t in ('reg.exe query HKLM\System\CurrentControlSet\Control /v PEFirmwareType') do set "FOUND=%%t"
if "%FOUND%"=="0x1" set "FOUND=bios"
if "%FOUND%"=="0x2" set "FOUND=uefi"
if not "%FOUND%"=="%FIRMWARE%" call :halt the firmware is %FOUND%, the answers are for %FIRMWARE%

rem Both storage drivers, whichever disk there is. One that does not load is told
rem and no more: whether there is a disk decides.
set "DRIVERS="
if exist "%DISC%\drivers" set "DRIVERS=%DISC%\drivers"
if exist "%DISC%\$WinPEDriver$" set "DRIVERS=%DISC%\$WinPEDriver$"
if not defined DRIVERS call :halt the answer disc holds no drivers
for /r "%DRIVERS%" %%f in (*.inf) do call :load "%%f"
set "RUN=diskpart.exe /s "%HERE%diskpart-rescan.txt""
call :step diskpart rescan

rem Is Windows there already?
set "INSTALLED="
for %%d in (C D E F G H I J K L M N O P Q R T U V W Y Z) do if exist "%%d:\%MARKER%" set "INSTALLED=%%d:"
if defined INSTALLED goto installed

rem The file that INDEX counts in: another on the same disc may hold other editions.
set "IMAGE="
set "PARTS="
for %%d in (C D E F G H I J K L M N O P Q R T U V W Y Z) do call :media %%d
if not defined IMAGE call :halt no disc holds %INSTALL%

rem Fails when there is no disk 0, and so before anything is wiped.
set "RUN=diskpart.exe /s "%HERE%diskpart-select.txt""
call :step diskpart select disk 0
set "RUN=diskpart.exe /s "%HERE%diskpart-%FIRMWARE%.txt""
call :step diskpart %FIRMWARE%
set "RUN=dism.exe /Apply-Image /ImageFile:%IMAGE% %PARTS% /Index:%INDEX% /ApplyDir:W:\ /CheckIntegrity /Verify"
call :step dism Apply-Image
set "RUN=bcdboot.exe W:\Windows /s S: /f %FIRMWARE%"
call :step bcdboot
rem Without it most builds make no recovery partition behind Windows' own, which
rem then stays the last one, so that a clone can grow it. 26100 may make one all
rem the same, which stays empty (unattend-generator#11); the seal removes it.
if exist W:\Windows\System32\Recovery\winre.wim del /f /a W:\Windows\System32\Recovery\winre.wim
set "RUN=dism.exe /Image:W:\ /Add-Driver /Driver:%DRIVERS% /Recurse"
call :step dism Add-Driver
if not exist W:\Windows\Panther mkdir W:\Windows\Panther
set "RUN=xcopy.exe /y /h "%DISC%\Autounattend.xml" W:\Windows\Panther\"
call :step copy Autounattend.xml
set "RUN=cmd.exe /c move /y W:\Windows\Panther\Autounattend.xml W:\Windows\Panther\unattend.xml"
call :step name unattend.xml
if not exist W:\ProgramData\wintemplate mkdir W:\ProgramData\wintemplate
>"W:\%MARKER%" echo %BUILD_ID%
if not exist "W:\%MARKER%" call :halt the marker could not be written
call :todisk
goto restart

:installed
call :beacon info Windows is on %INSTALLED% already
if not "%FIRMWARE%"=="uefi" call :halt the BIOS starts the CD although Windows is on the disk: detach it
rem The boot store is known to open in this session only after bcdboot.
set "RUN=diskpart.exe /s "%HERE%diskpart-esp.txt""
call :step diskpart EFI partition
set "RUN=bcdboot.exe %INSTALLED%\Windows /s S: /f %FIRMWARE%"
call :step bcdboot
call :todisk
goto restart

:restart
call :beacon ok restarting from the disk
set "RUN=wpeutil.exe reboot"
call :step wpeutil reboot
goto forever

rem ---- subroutines ----

:todisk
rem UEFI only: the next start is from the disk, once.
if not "%FIRMWARE%"=="uefi" exit /b 0
set "RUN=bcdedit.exe /set {fwbootmgr} bootsequence {bootmgr}"
call :step bcdedit bootsequence
exit /b 0

:media
if defined IMAGE exit /b 0
if not exist "%1:\%INSTALL%" exit /b 0
set "IMAGE=%1:\%INSTALL%"
if defined SWMFILE set "PARTS=/SWMFile:%1:\%SWMFILE%"
exit /b 0

:load
drvload.exe %1
set "CODE=%ERRORLEVEL%"
call :beacon info drvload %~nx1 ended with %CODE%
exit /b 0

:step
rem Runs %RUN%, tells its code as that of the step in the arguments, halts at
rem any but 0.
%RUN%
set "CODE=%ERRORLEVEL%"
call :beacon info %* ended with %CODE%
if not "%CODE%"=="0" call :halt %* ended with code %CODE%
exit /b 0

:beacon
rem The parentheses keep a digit at the end from being taken for a handle.
(echo wintemplate: setup.winpe %*)>COM1 2>nul
exit /b 0

:halt
call :beacon fail %*
:forever
ping.exe -n 60 127.0.0.1 >nul
goto forever
