Stop-Operation -Code 'not-yet' -Message 'task-release is not there yet'
