use umbel_server::store::kernels::{Kernel, kernel_delete, kernel_fetch, kernel_list, kernel_put};
use umbel_server::store::meta::host_local;

use crate::harness::db::both;

both! {
    async fn the_last_word_about_a_kernel_counts(fresh) {
        let db = &fresh.db;
        let host = host_local(db, 1).await.expect("a host");
        let kernel = |id: &str, note: &str, retired| Kernel { id: id.parse().expect("a slug"), note: note.into(), retired };
        let (a, b) = (kernel("a", "", false), kernel("b", "ours", true));
        assert_eq!(kernel_fetch(db, host, &a.id).await.expect("a read"), None);
        kernel_put(db, host, &b).await.expect("written");
        kernel_put(db, host, &kernel("a", "x", true)).await.expect("written");
        kernel_put(db, host, &a).await.expect("written again");
        assert_eq!(kernel_fetch(db, host, &b.id).await.expect("a read"), Some(b.clone()));
        assert_eq!(kernel_list(db, host).await.expect("a list"), [a.clone(), b]);
        assert!(kernel_delete(db, host, &a.id).await.expect("gone"));
        assert!(!kernel_delete(db, host, &a.id).await.expect("gone already"));
    }
}
