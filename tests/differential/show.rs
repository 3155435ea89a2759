//! A value goes in, a text that tells all of it comes out: numbers with all bits, functions by index,
//! objects with their fields.

use super::host::HostValue;
use super::{Guest, REVEALED};
use wasmtime::{AnyRef, ExnRef, Extern, ExternRef, Result, Rooted, Tag, Val};

/// How deep objects are looked into; they may refer to themselves.
const DEPTH: usize = 3;

impl Guest {
    pub(super) fn show(&mut self, value: &Val) -> String {
        self.show_to(value, DEPTH)
    }

    fn show_to(&mut self, value: &Val, depth: usize) -> String {
        match value {
            Val::I32(value) => format!("i32 {value}"),
            Val::I64(value) => format!("i64 {value}"),
            Val::F32(bits) => format!("f32 {bits:x}"),
            Val::F64(bits) => format!("f64 {bits:x}"),
            Val::V128(bits) => format!("v128 {:x}", bits.as_u128()),
            Val::FuncRef(Some(function)) => {
                let address = function.to_raw(&mut self.store).addr();
                let index = self.functions.iter().position(|known| *known == address);
                format!("function {index:?}")
            }
            Val::AnyRef(Some(any)) => self.any(*any, depth).unwrap_or_else(|e| e.to_string()),
            Val::ExternRef(Some(external)) => self
                .external(*external, depth)
                .unwrap_or_else(|e| e.to_string()),
            Val::ExnRef(Some(exception)) => self
                .exception(*exception, depth)
                .unwrap_or_else(|e| e.to_string()),
            _ => "null".to_owned(),
        }
    }

    fn external(&mut self, external: Rooted<ExternRef>, depth: usize) -> Result<String> {
        let data = external.data(&self.store)?;
        if let Some(HostValue(number)) = data.and_then(|data| data.downcast_ref()) {
            return Ok(format!("host value {number}"));
        }
        let any = AnyRef::convert_extern(&mut self.store, external)?;
        Ok(format!("external {}", self.any(any, depth)?))
    }

    fn any(&mut self, any: Rooted<AnyRef>, depth: usize) -> Result<String> {
        if let Some(i31) = any.as_i31(&self.store)? {
            return Ok(format!("i31 {}", i31.get_u32()));
        }
        if depth == 0 {
            return Ok("…".to_owned());
        }
        let (kind, values): (_, Vec<Val>) = if let Some(object) = any.as_struct(&self.store)? {
            ("struct", object.fields(&mut self.store)?.collect())
        } else if let Some(array) = any.as_array(&self.store)? {
            ("array", array.elems(&mut self.store)?.collect())
        } else {
            return Ok("of the host".to_owned());
        };
        Ok(format!("{kind} ({})", self.list(&values, depth - 1)))
    }

    fn exception(&mut self, exception: Rooted<ExnRef>, depth: usize) -> Result<String> {
        if depth == 0 {
            return Ok("…".to_owned());
        }
        let thrown = exception.tag(&mut self.store)?;
        let tag = (0..self.shape.tags.len()).find(|index| {
            let name = format!("{REVEALED}tag{index}");
            let export = self.instance.get_export(&mut self.store, &name);
            let is_thrown = |tag: Tag| Tag::eq(&tag, &thrown, &self.store);
            export.and_then(Extern::into_tag).is_some_and(is_thrown)
        });
        let values: Vec<Val> = exception.fields(&mut self.store)?.collect();
        let values = self.list(&values, depth - 1);
        Ok(format!("exception of tag {tag:?} ({values})"))
    }

    fn list(&mut self, values: &[Val], depth: usize) -> String {
        let values = values.iter().map(|value| self.show_to(value, depth));
        values.collect::<Vec<String>>().join(" ")
    }
}
