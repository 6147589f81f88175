import type { PagedList } from "./use_paged_list.ts";

/** The end of a list that is loaded page by page: the button for the next page, and the error. */
export function NextPage({ list, isBusy = list.isLoading }: { list: PagedList<unknown>; isBusy?: boolean }) {
  return (
    <>
      {list.hasMore && (
        <button type="button" class="button small" onClick={list.loadMore} disabled={isBusy}>
          Show more
        </button>
      )}
      <p class="form-error" role="alert">
        {list.error}
      </p>
    </>
  );
}
