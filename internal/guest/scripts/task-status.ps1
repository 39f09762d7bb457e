Stop-Operation -Code 'not-yet' -Message 'task-status is not there yet'
