//! A folder per noun, a file per verb, as in the addresses.

pub mod account;
pub mod adopt;
pub mod announcement;
pub mod audit;
pub mod backups;
pub mod doctor;
pub mod files;
pub mod groups;
pub mod guests;
pub mod host;
pub mod images;
pub mod import;
pub mod invitations;
pub mod kernels;
pub mod keys;
pub mod networks;
pub mod not_found;
pub mod operations;
pub mod overview;
pub mod people;
pub mod quotas;
pub mod storage;
pub mod tokens;
pub mod usage;
pub mod volumes;
pub mod webhooks;
