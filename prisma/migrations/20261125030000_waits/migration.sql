-- Steps that wait, for the list of approvals: few among many, and most of them without a due time.
CREATE INDEX "step_waiting" ON "step"("project_id", "run_id") WHERE "state" = 'waiting';
