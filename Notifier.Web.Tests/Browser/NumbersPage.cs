using Microsoft.Playwright;
using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>A page that records the numbers it receives in session storage, and the publisher of those numbers.</summary>
internal static class NumbersPage
{
    public static Task IsLiveAsync(IPage page) => Eventually.IsAsync(() => page.EvaluateAsync<bool>("globalThis.live > 0"), "the page has subscribed");

    /// <summary>Waits until the page has received this number or a later one.</summary>
    public static Task HasHeardAsync(IPage page, int number) => Eventually.IsAsync(
        async () => (await HeardAsync(page)).LastOrDefault() >= number, $"the page receives {number}");

    public static async Task<int[]> HeardAsync(IPage page) =>
        [.. (await page.EvaluateAsync<string?>("sessionStorage.heard") ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];

    /// <summary>The numbers that the page receives survive a reload.</summary>
    public static string Page(NotifierApp app, string name, string options, string ask = "{}") =>
        $$"""
        <!doctype html><title>Shop</title><script src="{{app.Address}}notifier.js"></script>
        <script>
          const add = (key, text) => sessionStorage[key] = `${sessionStorage[key] ?? ""}${text} `;
          const notifier = new Notifier(undefined, { {{options}} });
          notifier.addEventListener("gap", ({ detail }) => add("gaps", detail.code));
          notifier.addEventListener("subscribed", () => globalThis.live = 1);
          const held = notifier.{{name}}, message => add("heard", message.data), {{ask}});
        </script>
        """;

    /// <summary>Publishes 1, 2, 3 … until the test ends it.</summary>
    internal sealed class Traffic : IAsyncDisposable
    {
        private readonly CancellationTokenSource enough = new();
        private readonly Task publishing;
        private int published;

        public Traffic(Func<int, Task> publish) => publishing = PublishAsync(publish);

        public int Published => Volatile.Read(ref published);

        public async Task<int> EndAsync()
        {
            await enough.CancelAsync();
            await publishing;
            return Published;
        }

        public async ValueTask DisposeAsync()
        {
            await EndAsync();
            enough.Dispose();
        }

        private async Task PublishAsync(Func<int, Task> publish)
        {
            using var pace = RealTime.Pace(TimeSpan.FromMilliseconds(2));
            while (!enough.IsCancellationRequested)
            {
                await publish(Published + 1);
                Interlocked.Increment(ref published);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        }
    }
}
