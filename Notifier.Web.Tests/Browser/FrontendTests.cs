using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>
/// Assets/frontend.html was written from docs/protocol.md alone, without our client. The page documents enough to subscribe, resume,
/// reconnect, and recognise a rejection.
/// </summary>
public sealed class FrontendTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    [Fact]
    public async Task A_frontend_written_only_from_the_protocol_page_handles_rejections_gaps_and_restarts()
    {
        await using var redis = await RedisServer.StartAsync();
        var port = FreePort.Next();
        var app = await NotifierApp.StartAsync(redis.Configuration, port: port, settings: "Access:AllowedOrigins:0=null");
        var page = await browser.NewPageAsync();
        var errors = new List<string>();
        page.PageError += (_, error) => errors.Add(error);
        try
        {
            await page.GotoAsync($"file://{AppContext.BaseDirectory}/Assets/frontend.html?server=ws://127.0.0.1:{port}/ws");
            await Expect(page.Locator("#state")).ToHaveTextAsync("connected");

            await SubscribeAsync(page, "orders.*", "subscribed to pattern orders.*");
            await SubscribeAsync(page, "news", "subscribed to channel news");
            await SubscribeAsync(page, "__secret", "forbidden: channel __secret");
            await SubscribeAsync(page, "*a*b*c*d*", "malformed: pattern *a*b*c*d*");
            await redis.PublishAsync("orders.42", "shipped");
            await SaysAsync(page, "pattern orders.*: shipped");
            await redis.PublishAsync("news", new byte[] { 0xFF, 0 });
            await SaysAsync(page, "channel news: 2 bytes");

            // Only the client loses its connection, so it misses no message.
            await page.EvaluateAsync("socket.close()");
            await redis.PublishAsync("news", "meanwhile");
            await SaysAsync(page, "channel news: meanwhile");

            // Redis closes the node's connection, which causes a gap.
            await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
            await SaysAsync(page, "fetch anew: channel news (redis)");

            // The server restarts, and no longer knows any position.
            await app.DisposeAsync();
            await SaysAsync(page, "close 4601");
            app = await NotifierApp.StartAsync(redis.Configuration, port: port, settings: "Access:AllowedOrigins:0=null");
            await Expect(page.Locator("#state")).ToHaveTextAsync("connected");
            await SaysAsync(page, "fetch anew: channel news");
            await redis.PublishAsync("orders.43", "again");
            await SaysAsync(page, "pattern orders.*: again");

            await page.EvaluateAsync("socket.send('nonsense')");
            await Expect(page.Locator("#state")).ToContainTextAsync("refused: a frame is not JSON");
            errors.Should().BeEmpty();
        }
        finally
        {
            await page.CloseAsync();
            await app.DisposeAsync();
        }
    }

    private static async Task SubscribeAsync(IPage page, string name, string answer)
    {
        await page.FillAsync("#name", name);
        await page.ClickAsync("button");
        await SaysAsync(page, answer);
    }

    private static Task SaysAsync(IPage page, string what) => Expect(page.GetByText(what, new() { Exact = true })).ToBeVisibleAsync();
}
