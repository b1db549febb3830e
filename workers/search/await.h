#pragma once
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace gradus {

// Operations that are waited for together, and the coroutine that waits.
template <class T, class Handler>
struct AwaitedOperations {
  AwaitedOperations(std::size_t count, Handler waiting)
      : handler(std::move(waiting)), results(count), missing(count) {}
  Handler handler;
  std::vector<T> results;
  std::atomic<std::size_t> missing;  // Operations may report from several threads.
};

// Starts `count` operations at once, start(i, done) for each i, suspends the coroutine until the
// last has called done(T), and resumes it on its own executor with the results in order. Each calls
// exactly once, from any thread. REQUIRES: count > 0; T is not bool.
template <class T, class StartOne>
asio::awaitable<std::vector<T>> AwaitAll(std::size_t count, StartOne start) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(std::vector<T>)>(
      [count, start = std::move(start)](auto handler) mutable {
        using Operations = AwaitedOperations<T, decltype(handler)>;
        auto all = std::make_shared<Operations>(count, std::move(handler));
        for (std::size_t i = 0; i < count; ++i) {
          start(i, [all, i](T value) {
            all->results[i] = std::move(value);
            if (all->missing.fetch_sub(1) > 1) return;
            asio::post(asio::get_associated_executor(all->handler),
                       [all] { std::move(all->handler)(std::move(all->results)); });
          });
        }
      },
      asio::use_awaitable);
}

}  // namespace gradus
