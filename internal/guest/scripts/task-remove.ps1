$name = "wintemplate-$($Parameters.id)"
$task = Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue
# Its answer is written a moment before its process has ended.
for ($i = 0; $i -lt 20 -and $null -ne $task -and "$($task.State)" -eq 'Running'; $i++) {
    Start-Sleep -Seconds 1
    $task = Get-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue
}
if ($null -ne $task) {
    if ("$($task.State)" -eq 'Running') { Stop-Operation -Code 'running' -Message "the task $name still runs" }
    Unregister-ScheduledTask -TaskName $name -Confirm:$false
}
$folder = "$env:ProgramData\wintemplate\tasks\$($Parameters.id)"
Remove-Tree -Path $folder
Complete-Operation
