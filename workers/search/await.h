#pragma once
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/post.hpp>
#include <asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace gradus {

// Starts an operation that reports through a callback, from any thread and exactly once.
template <class T>
using Start = std::function<void(std::function<void(T)>)>;

// Suspends the coroutine until the operation reports; resumes on the coroutine's own executor.
template <class T>
asio::awaitable<T> Await(Start<T> start) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(T)>(
      [start = std::move(start)](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        auto executor = asio::get_associated_executor(*shared);
        start([shared, executor](T value) {
          asio::post(executor, [shared, value = std::move(value)]() mutable {
            std::move (*shared)(std::move(value));
          });
        });
      },
      asio::use_awaitable);
}

// Starts all operations at once and waits for the last; results in the order of the operations.
template <class T>
asio::awaitable<std::vector<T>> AwaitAll(std::vector<Start<T>> starts) {
  struct Gathered {
    std::vector<T> results;
    std::size_t missing;
    std::mutex mutex;  // Guards both: operations may report from several threads.
  };
  auto gathered = std::make_shared<Gathered>();
  gathered->results.resize(starts.size());
  gathered->missing = starts.size();
  Start<std::vector<T>> all = [gathered, starts = std::move(starts)](auto done) {
    for (std::size_t i = 0; i < starts.size(); ++i) {
      starts[i]([gathered, done, i](T value) {
        bool last = false;
        {
          std::lock_guard lock(gathered->mutex);
          gathered->results[i] = std::move(value);
          last = --gathered->missing == 0;
        }
        if (last) done(std::move(gathered->results));
      });
    }
  };
  return Await<std::vector<T>>(std::move(all));
}

}  // namespace gradus
