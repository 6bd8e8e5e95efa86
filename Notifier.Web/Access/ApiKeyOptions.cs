namespace Notifier.Access;

/// <summary>One of <c>Access:ApiKeys</c>: a backend, known by a secret.</summary>
public sealed class ApiKeyOptions
{
    /// <summary>For the log.</summary>
    public string Name { get; set; } = "";

    /// <summary>The secret itself: at least 16 bytes…</summary>
    public string Secret { get; set; } = "";

    /// <summary>…or its SHA-256 in hexadecimal, so that the configuration holds no secret.</summary>
    public string Sha256 { get; set; } = "";

    /// <summary>Names that it may subscribe to.</summary>
    public string[] Subscribe { get; set; } = [];

    /// <summary>Names that it may publish on.</summary>
    public string[] Publish { get; set; } = [];
}
