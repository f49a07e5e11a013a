//! A request to the table, kept as it was given to the SDK, to be sent again by the SDK alone.

use aws_sdk_dynamodb::{
    Client,
    operation::{
        batch_get_item::{BatchGetItemInput, builders::BatchGetItemInputBuilder},
        batch_write_item::{BatchWriteItemInput, builders::BatchWriteItemInputBuilder},
        delete_item::{DeleteItemInput, builders::DeleteItemInputBuilder},
        get_item::{GetItemInput, builders::GetItemInputBuilder},
        put_item::{PutItemInput, builders::PutItemInputBuilder},
        query::{QueryInput, builders::QueryInputBuilder},
        transact_write_items::{TransactWriteItemsInput, builders::TransactWriteItemsInputBuilder},
        update_item::{UpdateItemInput, builders::UpdateItemInputBuilder},
    },
};
use aws_smithy_runtime_api::client::interceptors::context::Input;

use crate::error::BenchError;

/// Operations with their inputs, builders and the fields that the bundle sets.
macro_rules! operations {
    ($($operation:ident, $input:ident, $builder:ident: $($set:ident $field:ident),*;)*) => {
        /// What was asked.
        #[derive(Clone, Debug)]
        pub(crate) enum Request {
            $($operation(Box<$input>)),*
        }

        /// The same, ready to be sent.
        #[derive(Clone, Debug)]
        pub(crate) enum Bare {
            $($operation(Box<$builder>)),*
        }

        impl Request {
            /// A copy of an operation's input, if it is one on items.
            pub(crate) fn of(input: &Input) -> Option<Self> {
                $(if let Some(input) = input.downcast_ref::<$input>() {
                    return Some(Self::$operation(Box::new(input.clone())));
                })*
                None
            }

            /// Made ready. An error if that would leave something of it out.
            pub(crate) fn bare(&self) -> Result<Bare, BenchError> {
                match self {
                    $(Self::$operation(input) => {
                        let builder = $input::builder()$(.$set(input.$field.clone()))*;
                        let same = builder.clone().build().is_ok_and(|again| again == **input);
                        same.then(|| Bare::$operation(Box::new(builder)))
                            .ok_or_else(|| BenchError::unexpected(stringify!($operation), "it has a field unknown here"))
                    })*
                }
            }
        }

        impl Bare {
            /// Sends it. Whether it was done.
            pub(crate) async fn send(self, client: &Client) -> bool {
                match self {
                    $(Self::$operation(request) => request.send_with(client).await.is_ok()),*
                }
            }
        }
    };
}

operations! {
    GetItem, GetItemInput, GetItemInputBuilder:
        set_table_name table_name, set_key key, set_consistent_read consistent_read,
        set_projection_expression projection_expression, set_expression_attribute_names expression_attribute_names;
    Query, QueryInput, QueryInputBuilder:
        set_table_name table_name, set_index_name index_name, set_select select, set_limit limit,
        set_consistent_read consistent_read, set_scan_index_forward scan_index_forward,
        set_exclusive_start_key exclusive_start_key, set_projection_expression projection_expression,
        set_filter_expression filter_expression, set_key_condition_expression key_condition_expression,
        set_expression_attribute_names expression_attribute_names, set_expression_attribute_values expression_attribute_values;
    BatchGetItem, BatchGetItemInput, BatchGetItemInputBuilder:
        set_request_items request_items;
    TransactWriteItems, TransactWriteItemsInput, TransactWriteItemsInputBuilder:
        set_transact_items transact_items, set_client_request_token client_request_token;
    UpdateItem, UpdateItemInput, UpdateItemInputBuilder:
        set_table_name table_name, set_key key, set_update_expression update_expression,
        set_condition_expression condition_expression, set_expression_attribute_names expression_attribute_names,
        set_expression_attribute_values expression_attribute_values, set_return_values return_values,
        set_return_values_on_condition_check_failure return_values_on_condition_check_failure;
    PutItem, PutItemInput, PutItemInputBuilder:
        set_table_name table_name, set_item item, set_condition_expression condition_expression,
        set_expression_attribute_names expression_attribute_names, set_expression_attribute_values expression_attribute_values,
        set_return_values return_values,
        set_return_values_on_condition_check_failure return_values_on_condition_check_failure;
    DeleteItem, DeleteItemInput, DeleteItemInputBuilder:
        set_table_name table_name, set_key key, set_condition_expression condition_expression,
        set_expression_attribute_names expression_attribute_names, set_expression_attribute_values expression_attribute_values,
        set_return_values return_values,
        set_return_values_on_condition_check_failure return_values_on_condition_check_failure;
    BatchWriteItem, BatchWriteItemInput, BatchWriteItemInputBuilder:
        set_request_items request_items;
}
