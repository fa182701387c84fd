-- A receipt that nobody answered for may be asked after again.
alter table slot_decisions drop constraint slot_decisions_action_check;
alter table slot_decisions add constraint slot_decisions_action_check
  check (action in ('approve', 'replace', 'reject', 'reopen', 'hold', 'settle', 'verify'));
