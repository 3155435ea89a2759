//! A stopped guest in, what a host function that it called may do with it out: see its memories, call its
//! functions, read and set its globals. Numbers cross as [`Value`].

use crate::execute::stopped_text;
use crate::host::Host;
use crate::host::functions::{
    CallError, Callee, Guest, HostValue, Slot, TableView, Value, ValueType,
};
use crate::host::imports::Threw;
use wasmtime::{Caller, Extern, Func, FuncType, Ref, Val, ValType};

/// The guest, as a host function sees it.
pub struct CallingGuest<'c, 'g> {
    pub caller: &'c mut Caller<'g, Host>,
}

impl CallingGuest<'_, '_> {
    fn function(&mut self, callee: &Callee) -> Option<Func> {
        match callee {
            Callee::Export(name) => self.caller.get_export(name)?.into_func(),
            Callee::Element { table, slot } => {
                let table = self.caller.get_export(table)?.into_table()?;
                table.get(&mut *self.caller, *slot)?.as_func()?.copied()
            }
        }
    }
}

/// None where one is no number.
fn params_of(ty: &FuncType) -> Option<Vec<ValueType>> {
    ty.params().map(|ty| value_type(&ty)).collect()
}

impl Guest for CallingGuest<'_, '_> {
    fn memories(&mut self) -> Vec<(*mut u8, usize)> {
        let names = self.caller.data().memories.clone();
        let places = names.iter().map(|name| match self.caller.get_export(name) {
            Some(Extern::Memory(memory)) => {
                let bytes = memory.data_mut(&mut *self.caller);
                (bytes.as_mut_ptr(), bytes.len())
            }
            // A preloaded module calls, whose memories are its own affair.
            _ => (std::ptr::null_mut(), 0),
        });
        places.collect()
    }

    fn call(&mut self, callee: &Callee, params: &[HostValue]) -> Result<Vec<Value>, CallError> {
        let Some(func) = self.function(callee) else {
            return Err(CallError::NotCallable(format!(
                "the guest has no function `{callee}` to be called"
            )));
        };
        let ty = func.ty(&*self.caller);
        let types = params_of(&ty);
        let unfit = |what: &str| CallError::NotCallable(format!("`{callee}` {what}"));
        let types = types.ok_or_else(|| unfit("takes vectors or references"))?;
        let values = types.iter().enumerate().map(|(index, ty)| {
            // A missing argument is undefined, which is NaN.
            let value = params
                .get(index)
                .copied()
                .unwrap_or(HostValue::Number(f64::NAN));
            value.to(*ty).map(to_val)
        });
        let values: Option<Vec<Val>> = values.collect();
        let values =
            values.ok_or_else(|| unfit("takes bigints for i64, and numbers for all else"))?;
        let mut results: Vec<Val> = ty.results().map(|_| Val::I32(0)).collect();
        match func.call(&mut *self.caller, &values, &mut results) {
            Ok(()) => {
                let results: Option<Vec<Value>> = results.iter().map(from_val).collect();
                results.ok_or_else(|| unfit("returns vectors or references"))
            }
            Err(error) if error.is::<Threw>() => Err(CallError::Threw),
            Err(error) if crate::execute::ends_the_run(&error) => {
                let text = error.root_cause().to_string();
                self.caller.data_mut().ended = Some(error);
                Err(CallError::Ended(text))
            }
            Err(error) => {
                let limit = self.caller.data().max_stack;
                Err(CallError::Trapped(stopped_text(
                    &callee.to_string(),
                    limit,
                    &error,
                )))
            }
        }
    }

    fn table(&mut self, export: &str, slot: u64) -> Option<TableView> {
        let Extern::Table(table) = self.caller.get_export(export)? else {
            return None;
        };
        let size = table.size(&*self.caller);
        let slot = match table.get(&mut *self.caller, slot) {
            None => Slot::OutOfBounds,
            Some(Ref::Func(Some(func))) => Slot::Function(params_of(&func.ty(&*self.caller))),
            Some(value) if value.is_null() => Slot::Null,
            Some(_) => Slot::Other,
        };
        Some(TableView { size, slot })
    }

    fn global(&mut self, export: &str) -> Option<Value> {
        match self.caller.get_export(export)? {
            Extern::Global(global) => from_val(&global.get(&mut *self.caller)),
            _ => None,
        }
    }

    fn set_global(&mut self, export: &str, value: HostValue) -> bool {
        let Some(Extern::Global(global)) = self.caller.get_export(export) else {
            return false;
        };
        let ty = global.ty(&*self.caller);
        let value = value_type(ty.content()).and_then(|ty| value.to(ty));
        value.is_some_and(|value| global.set(&mut *self.caller, to_val(value)).is_ok())
    }
}

pub fn value_type(ty: &ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        _ => None,
    }
}

pub fn from_val(value: &Val) -> Option<Value> {
    match value {
        Val::I32(value) => Some(Value::I32(*value)),
        Val::I64(value) => Some(Value::I64(*value)),
        Val::F32(bits) => Some(Value::F32(f32::from_bits(*bits))),
        Val::F64(bits) => Some(Value::F64(f64::from_bits(*bits))),
        _ => None,
    }
}

pub fn to_val(value: Value) -> Val {
    match value {
        Value::I32(value) => Val::I32(value),
        Value::I64(value) => Val::I64(value),
        Value::F32(value) => Val::F32(value.to_bits()),
        Value::F64(value) => Val::F64(value.to_bits()),
    }
}
