using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>A page in the back/forward cache is no visitor: it has no connection, and on return it misses nothing.</summary>
public sealed class ClientCachedPageTests : IAsyncLifetime
{
    private IBrowser browser = null!;

    public async Task InitializeAsync() => browser = await BrowserFixture.LaunchWithCacheAsync();

    public Task DisposeAsync() => browser.CloseAsync();

    [Theory]
    [InlineData("")]
    [InlineData("shared: true")]
    [InlineData("persist: 'session'")]
    public async Task A_visitor_who_walks_through_pages_and_returns_has_one_connection_and_misses_nothing(string options)
    {
        await using var fake = await FakeNotifier.StartAsync();
        var page = await browser.NewPageAsync();
        await page.GotoAsync($"{fake.Address}walk?options={options}");
        var connection = await IsOnAsync(fake, null, "subscribe a", "0");
        for (var n = 1; n < 4; n++)
        {
            await SendAsync(connection, $"go /walk?options={options}&page={n}", $"p{n - 1}");
            connection = await IsOnAsync(fake, connection, options.StartsWith("persist", StringComparison.Ordinal) ? $"subscribe a p{n - 1}" : "subscribe a", $"{n}");
        }

        for (var n = 2; n >= 0; n--)
        {
            await SendAsync(connection, "back", $"q{n + 1}");
            connection = await IsOnAsync(fake, connection, $"subscribe a p{n}", $"on {n} again");
        }
        fake.Heard.Should().NotContain("gap");
    }

    [Fact]
    public async Task A_client_that_the_page_closed_stays_closed_when_the_page_returns_from_the_cache()
    {
        await using var fake = await FakeNotifier.StartAsync();
        var page = await browser.NewPageAsync();
        await page.GotoAsync($"{fake.Address}walk");
        var first = await IsOnAsync(fake, null, "subscribe a", "0");
        await SendAsync(first, "close", "p0");
        await first.Ended.Task.WaitAsync(Eventually.Limit);
        await page.GotoAsync($"{fake.Address}walk?page=1");
        var second = await IsOnAsync(fake, null, "subscribe a", "1");
        await SendAsync(second, "back", "p1");
        await second.Ended.Task.WaitAsync(Eventually.Limit);
        await Eventually.IsAsync(() => IsClosedAsync(page), "the first page has returned");

        await page.EvaluateAsync("globalThis.another = new Notifier(), another.channel('b', () => {})");

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe b", "the closed client did not connect again");
    }

    /// <summary>Whether the client of the page is closed; false while the page changes, when no script can run. Playwright does not report a return from the cache.</summary>
    private static async Task<bool> IsClosedAsync(IPage page)
    {
        try
        {
            return await page.EvaluateAsync<bool>("notifier.state === 'closed'");
        }
        catch (PlaywrightException error) when (error.Message.Contains("context was destroyed", StringComparison.Ordinal))
        {
            return false;
        }
    }

    /// <summary>The page has the only connection, and receives.</summary>
    private static async Task<FakeConnection> IsOnAsync(FakeNotifier fake, FakeConnection? before, string command, string data)
    {
        if (before is not null)
            await before.Ended.Task.WaitAsync(Eventually.Limit);
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be(command);
        await SendAsync(connection, data, $"at {data}");
        await Eventually.IsAsync(() => fake.Heard.Contains(data), $"the page receives {data}");
        return connection;
    }

    private static Task SendAsync(FakeConnection connection, string data, string position) =>
        connection.SendAsync(new { type = "message", channel = "a", data, position });
}
