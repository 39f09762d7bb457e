$name = "wintemplate-$($Parameters.id)"
$folder = "$env:ProgramData\wintemplate\tasks\$($Parameters.id)"
if ($null -ne (Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue)) {
    # 0x41303, SCHED_S_TASK_HAS_NOT_RUN: the first try was cut off before it had started the task.
    if ([long](Get-ScheduledTaskInfo -TaskName $name).LastTaskResult -eq 267011) { Start-ScheduledTask -TaskName $name }
    return Complete-Operation -Result @{ existing = $true; folder = $folder }
}
Remove-Tree -Path $folder
New-Item -ItemType Directory -Path $folder -Force | Out-Null
# What is below ProgramData everybody may read, and parameters may hold passwords: SYSTEM and Administrators only.
& icacls.exe $folder '/inheritance:r' '/grant:r' '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' '/Q' | Out-Null
if ($LASTEXITCODE -ne 0) { Stop-Operation -Code 'acl' -Message "icacls.exe ended with $LASTEXITCODE for $folder" }

$utf8 = New-Object -TypeName System.Text.UTF8Encoding -ArgumentList $false
$lines = foreach ($text in $Parameters.operation, $Parameters.parameters, $Parameters.script) { [Convert]::ToBase64String($utf8.GetBytes($text)) }
Set-Content -LiteralPath "$folder\request" -Value $lines -Encoding ASCII
$run = "`$WintemplateTask = '$folder'`r`n`$WintemplateRequest = '$folder\request'`r`n`$WintemplateResult = '$folder\result'`r`n" + $Parameters.launcher
Write-Text -Path "$folder\run.ps1" -Text $run

$powershell = "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe"
$action = New-ScheduledTaskAction -Execute $powershell -Argument "-NoProfile -NonInteractive -ExecutionPolicy Bypass -File `"$folder\run.ps1`""
$principal = New-ScheduledTaskPrincipal -UserId 'S-1-5-18' -LogonType ServiceAccount -RunLevel Highest
# Tasks run at priority 7 unless told: low I/O, at which MSI and DISM crawl.
$settings = New-ScheduledTaskSettingsSet -Priority 4 -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit (New-TimeSpan -Seconds $Parameters.timeout_seconds)
Register-ScheduledTask -TaskName $name -Action $action -Principal $principal -Settings $settings -Force | Out-Null
# No clock trigger: it would move with the clock.
Start-ScheduledTask -TaskName $name
Complete-Operation -Result @{ existing = $false; folder = $folder }
