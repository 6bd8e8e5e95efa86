using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;

namespace Notifier.Tests.Browser;

/// <summary>An empty page with the client. <c>log</c> records what the client reports, one line each.</summary>
internal sealed class ClientPage : IAsyncDisposable
{
    /// <summary>Records delays and the events of the client, and makes the random numbers those of the test.</summary>
    private const string Observe =
        """
        globalThis.log = []; globalThis.delays = []; globalThis.chance = 0.5;
        Math.random = () => chance;
        globalThis.observe = notifier => {
          for (const type of ["state", "gap", "error", "subscribed", "unsubscribed"])
            notifier.addEventListener(type, ({ detail }) =>
              log.push([type, detail.state, detail.channel ?? detail.pattern, detail.code].filter(word => word !== undefined).join(" ")));
          return globalThis.notifier = notifier;
        };
        globalThis.hear = message => log.push(`${message.channel}: ${message.data}`);
        """;

    private const string RecordDelays =
        """
        { const plain = setTimeout; globalThis.setTimeout = (react, delay) => { delays.push(delay); return plain(react, delay); }; }
        """;

    private ClientPage(IPage page)
    {
        Page = page;
        page.PageError += (_, error) => Errors.Add(error);
    }

    public IPage Page { get; }

    public List<string> Errors { get; } = [];

    public static async Task<ClientPage> OpenAsync(IPage page, string address, bool hasOwnClock = false)
    {
        var client = new ClientPage(page);
        if (hasOwnClock)
            await page.Clock.InstallAsync(new() { Time = "2026-01-15T12:00:00Z" });
        await page.AddInitScriptAsync(Observe + (hasOwnClock ? RecordDelays : ""));
        await page.GotoAsync(address);
        if (hasOwnClock)
            await page.Clock.PauseAtAsync("2026-01-15T13:00:00Z");      // an installed clock does not stop by itself
        return client;
    }

    public Task DoAsync(string script) => Page.EvaluateAsync($"async () => {{ {script} }}");

    public Task<string[]> LogAsync() => Page.EvaluateAsync<string[]>("() => log");

    /// <summary>Waits for a line.</summary>
    public Task LogsAsync(string line, int times = 1) =>
        Eventually.IsAsync(async () => (await LogAsync()).Count(logged => logged == line) >= times, $"the page logs '{line}' {times} times");

    /// <summary>Waits for this many retry delays, and returns the last one.</summary>
    public async Task<double> DelayAsync(int retries)
    {
        double[] delays = [];
        await Eventually.IsAsync(
            async () => (delays = await Page.EvaluateAsync<double[]>("() => delays.filter(delay => delay <= 20000 && ![5000, 10000].includes(delay))")).Length >= retries,
            $"the page waits for retry {retries}");
        return delays[retries - 1];
    }

    public async ValueTask DisposeAsync()
    {
        Errors.Should().BeEmpty();
        await Page.CloseAsync();
    }
}
