using Microsoft.Extensions.Options;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>What visitors may have who say nothing about themselves: as configured, else everything in Development and nothing in Production.</summary>
internal sealed class AnonymousAccess(IOptions<AccessOptions> options, IHostEnvironment environment)
{
    public const string SubscribeKey = "Access:Anonymous:Subscribe";

    public Grant Subscribe { get; } = Parse(options.Value.Anonymous.Subscribe, environment, WhenEmpty(options.Value, SubscribeKey));

    public Grant Publish { get; } = Parse(options.Value.Anonymous.Publish, environment, WhenEmpty(options.Value, "Access:Anonymous:Publish"));

    /// <summary>Everything is open, and nobody has said so.</summary>
    public bool IsOpenByDefault => environment.IsDevelopment() && options.Value.Anonymous.Subscribe is null;

    /// <summary>Whether visitors can be somebody here; then it is no mistake that nothing is open to nobody.</summary>
    public bool CanAuthenticate { get; } = options.Value.Tokens.IsEnabled || options.Value.Callback.IsEnabled || options.Value.ApiKeys.Length > 0;

    private static string WhenEmpty(AccessOptions access, string key) => access.Tokens.IsEnabled
        ? "nothing is open here without a token"
        : $"nothing is open here to anonymous visitors: set {key}";

    private static Grant Parse(string[]? names, IHostEnvironment environment, string whenEmpty)
    {
        if (names is null && environment.IsDevelopment())
            return Grant.Everything;
        return new Grant((names ?? []).Select(Name.Parse), whenEmpty);
    }
}
