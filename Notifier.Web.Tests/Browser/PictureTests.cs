using System.Buffers.Binary;
using FluentAssertions;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>
/// Takes the README's picture of the page. With NOTIFIER_PICTURES=1 the picture replaces docs/demo-page.png; otherwise it goes to the
/// tests' output.
/// </summary>
public sealed class PictureTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const int Width = 1000;
    private const int Height = 640;

    private static readonly (string Time, string Channel, string Payload)[] Notifications =
    [
        ("14:02:11", "notifications.new-user", "Mathias signed up"),
        ("14:02:38", "orders.42.items", "Chair added to order 42"),
        ("14:03:05", "new-users", "Konstantin"),
        ("14:03:52", "notifications.deployment", "Version 2.1 is live"),
        ("14:04:20", "orders.42.items", "Order 42 has been paid"),
    ];

    [Fact]
    public async Task The_readme_screenshot_of_the_demo_page_is_taken_in_the_expected_size()
    {
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration);
        await using var demo = await DemoPage.OpenAsync(browser, fixture.Redis, app, new()
        {
            ViewportSize = new() { Width = Width, Height = Height },
            ColorScheme = ColorScheme.Light,
            ReducedMotion = ReducedMotion.Reduce,
            Locale = "en-GB",
            TimezoneId = "UTC",
        });
        await demo.SubscribeAsync("orders.42.*");
        await demo.IsLiveAsync(patterns: 2);
        foreach (var (time, channel, payload) in Notifications)
        {
            await demo.Page.Clock.SetFixedTimeAsync($"2026-01-15T{time}Z");
            await demo.ShowAsync(channel, payload);
        }
        await Assertions.Expect(demo.Page.Locator("#names > li.connected")).ToHaveCountAsync(3);
        await demo.Page.Locator("#name").BlurAsync();
        // As with a Redis at the usual port.
        await demo.Page.EvaluateAsync("() => { const command = document.querySelector('#command'); command.textContent = command.textContent.replace(/-p \\d+ /, ''); }");

        var picture = await demo.Page.ScreenshotAsync(new() { Path = Path.Combine(Folder(), "demo-page.png") });

        // A PNG starts with its signature, followed by its size.
        picture.AsSpan(1, 3).SequenceEqual("PNG"u8).Should().BeTrue();
        BinaryPrimitives.ReadInt32BigEndian(picture.AsSpan(16)).Should().Be(Width);
        BinaryPrimitives.ReadInt32BigEndian(picture.AsSpan(20)).Should().Be(Height);
        picture.Length.Should().BeGreaterThan(20_000, "the compressed picture of an empty page is smaller");
    }

    private static string Folder()
    {
        if (Environment.GetEnvironmentVariable("NOTIFIER_PICTURES") != "1")
            return AppContext.BaseDirectory;
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Notifier.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("The repository is not above the tests' output.");
        return Path.Combine(folder.FullName, "docs");
    }
}
