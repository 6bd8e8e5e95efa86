using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Browser;

/// <summary>Attributes of the elements and of the script tag: what they mean, and what the console says about invalid ones.</summary>
public sealed class ElementAttributeTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    /// <summary>The HTML after the client's script, and the only line in the console.</summary>
    public static TheoryData<string, string> Invalid { get; } = new()
    {
        { "<notifier-toasts channel=bad.x max=abc></notifier-toasts>", "<notifier-toasts max=\"abc\"> is invalid: write a whole number from 1, for example max=\"3\"" },
        { "<notifier-list channel=bad.x max=0></notifier-list>", "<notifier-list max=\"0\"> is invalid: write a whole number from 1, for example max=\"50\"" },
        { "<notifier-toasts channel=bad.x seconds=long></notifier-toasts>", "<notifier-toasts seconds=\"long\"> is invalid: write a number from 0, for example seconds=\"8\"" },
        { "<notifier-list channel=bad.x last=1.5></notifier-list>", "<notifier-list last=\"1.5\"> is invalid: write a whole number from 0, for example last=\"20\"" },
        { "<notifier-list channel=bad.x shared=no></notifier-list>", "<notifier-list shared=\"no\"> is invalid: write shared=\"\", or omit the attribute" },
        { "<notifier-list channel=bad.x persist=local></notifier-list>", "<notifier-list persist=\"local\"> is invalid: write persist=\"\", or omit the attribute" },
        { "<notifier-list channel='' pattern=bad.*></notifier-list>", "<notifier-list channel=\"\"> is invalid: write a name, for example channel=\"news\", or omit the attribute" },
        { "<notifier-list></notifier-list>", "<notifier-list> has no name to subscribe to: write, for example, channel=\"news\"" },
        { "<notifier-list channel=bad.x src='http://'></notifier-list>", "<notifier-list src=\"http://\"> is invalid: write the address of Notifier, for example src=\"https://notifier.example.com\"" },
    };

    [Theory]
    [MemberData(nameof(Invalid))]
    public async Task An_invalid_attribute_of_an_element_is_reported_once_with_what_to_write(string html, string warning)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var (page, console) = await OpenAsync($"<script src=\"{app.Address}notifier.js\"></script>{html}");

        await Eventually.IsAsync(() => !console.IsEmpty, "the console says something");
        await page.EvaluateAsync("document.body.append(document.querySelector('notifier-list, notifier-toasts').cloneNode())");
        await page.EvaluateAsync("new Promise(requestAnimationFrame)");

        console.Should().Equal($"Notifier: {warning}");
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("data-channel=bad.x data-toast data-max=abc", "<script data-max=\"abc\"> is invalid: write a whole number from 1, for example data-max=\"3\"")]
    [InlineData("data-toast", "<script> has no name to subscribe to: write, for example, data-channel=\"news\"")]
    [InlineData("data-channel=bad.x data-url='http://'", "<script data-url=\"http://\"> is invalid: write the address of Notifier, for example data-url=\"https://notifier.example.com\"")]
    public async Task An_invalid_attribute_of_the_script_is_reported_by_its_own_name(string attributes, string warning)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var (page, console) = await OpenAsync($"<script src=\"{app.Address}notifier.js\" {attributes}></script>");

        await Eventually.IsAsync(() => !console.IsEmpty, "the console says something");

        console.Should().Equal($"Notifier: {warning}");
        await page.CloseAsync();
    }

    [Fact]
    public async Task An_element_with_an_invalid_attribute_works_with_the_default()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var (page, _) = await OpenAsync($"<script src=\"{app.Address}notifier.js\"></script><notifier-list channel=bad.list max=abc shared=false></notifier-list>");
        await Redis.WhenChannelIsLiveAsync(app, "bad.list");

        for (var n = 1; n <= 51; n++)
            await Redis.PublishAsync("bad.list", $"{n}");

        await Expect(page.Locator("notifier-list .text").First).ToHaveTextAsync("51");
        await Expect(page.Locator("notifier-list li")).ToHaveCountAsync(50);
        await page.CloseAsync();
    }

    [Theory]
    [InlineData("<script src=\"{0}notifier.js\" data-channel=persist.x data-toast data-persist></script>")]
    [InlineData("<script src=\"{0}notifier.js\"></script><notifier-toasts channel=persist.x persist=session></notifier-toasts>")]
    public async Task A_persistent_page_shows_what_was_published_while_it_was_away(string html)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        await using var site = await Site.StartAsync("<!doctype html><title>Shop</title>" + string.Format(System.Globalization.CultureInfo.InvariantCulture, html, app.Address));
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Address);
        await Redis.WhenChannelIsLiveAsync(app, "persist.x");
        await Redis.PublishAsync("persist.x", "seen");
        await Expect(page.Locator("notifier-toasts .text")).ToHaveTextAsync(["seen"]);

        await page.GotoAsync("about:blank");
        await Redis.PublishAsync("persist.x", "missed");
        await page.GotoAsync(site.Address);

        await Expect(page.Locator("notifier-toasts .text")).ToHaveTextAsync(["missed"]);
        await page.CloseAsync();
    }

    /// <summary>Otherwise the second one would overwrite the stored positions of the first one.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData("/notifier.js?v=2")]
    [InlineData("/ws")]
    public async Task The_script_and_elements_of_a_server_share_a_connection_however_they_write_its_address(string path)
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        var server = app.Address.ToString().TrimEnd('/');
        var sockets = 0;
        var (page, _) = await OpenAsync(
            $"<script src=\"{server}/notifier.js\" data-pattern=\"one.*\" data-toast data-persist></script><notifier-list persist src=\"{server}{path}\" channel=\"two&#10;three\"></notifier-list>",
            page => page.WebSocket += (_, _) => Interlocked.Increment(ref sockets));
        foreach (var name in (string[])["two", "three"])
        {
            await Redis.WhenChannelIsLiveAsync(app, name);
            await Redis.PublishAsync(name, name);
        }

        await Expect(page.Locator("notifier-list .text")).ToHaveTextAsync(["three", "two"]);
        sockets.Should().Be(1);
        await page.CloseAsync();
    }

    private async Task<(IPage Page, ConcurrentQueue<string> Console)> OpenAsync(string html, Action<IPage>? prepare = null)
    {
        await using var site = await Site.StartAsync("<!doctype html><title>Shop</title><link rel=icon href=data:,>" + html);
        var page = await browser.NewPageAsync();
        var console = new ConcurrentQueue<string>();
        page.Console += (_, message) => console.Enqueue(message.Text);
        page.PageError += (_, error) => console.Enqueue(error);
        prepare?.Invoke(page);
        await page.GotoAsync(site.Address);
        return (page, console);
    }
}
