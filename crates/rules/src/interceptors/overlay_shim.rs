pub(super) use trigger_expr::cel::set_overlay;
